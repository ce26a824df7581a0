const common = {
  testEnvironment: './jest-environment.mjs',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  moduleNameMapper: {
    '^@kantor/training/oracles$': '<rootDir>/packages/training/src/oracles/index.ts',
    '^@kantor/runtime/crash-point$': '<rootDir>/packages/runtime/src/crash-point.ts',
    '^@kantor/([a-z]+)$': '<rootDir>/packages/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['/dist/'],
  transformIgnorePatterns: ['/node_modules/', '/dist/'],
  roots: ['<rootDir>/packages', '<rootDir>/apps', '<rootDir>/tests'],
}

/** unit: no services. int: real Postgres, Redis, S3, TensorFlow on loopback. e2e: whole processes, Chromium. */
const project = (displayName, testMatch, ignore, testTimeout) => ({
  ...common,
  displayName,
  testMatch,
  testPathIgnorePatterns: ['/node_modules/', '/dist/', ...ignore],
  ...(testTimeout && { testTimeout }),
})

export default {
  projects: [
    project('unit', ['**/*.test.ts'], ['\\.int\\.test\\.ts$', '\\.e2e\\.test\\.ts$']),
    project('int', ['**/*.int.test.ts'], []),
    project('e2e', ['**/*.e2e.test.ts'], []),
  ],
  testTimeout: 60_000,
}
