import { diagnosticCatalogue, type DiagnosticName, runtimeCatalogue } from '@kantor/contracts'

export interface DiagnosticGroup {
  title: string
  names: DiagnosticName[]
}

const titles = ['Critic', 'Slopes of the critic', 'Generator and samples', 'Machine'] as const

function titleOf(name: DiagnosticName): (typeof titles)[number] {
  if (name in runtimeCatalogue) return 'Machine'
  if (/slope|lipschitz/.test(name)) return 'Slopes of the critic'
  return /^(gen|diversity|near)/.test(name) ? 'Generator and samples' : 'Critic'
}

export const diagnosticNames = Object.keys(diagnosticCatalogue) as DiagnosticName[]

/** The catalogue's series by what they tell about, in its order. */
export const groups: readonly DiagnosticGroup[] = titles.map((title) => ({
  title,
  names: diagnosticNames.filter((name) => titleOf(name) === title),
}))
