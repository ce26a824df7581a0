export { quoted } from './entry-name.js'
export type { ArchiveLimits } from './limits.js'
export { isGzip, readTar, type TarredFile } from './tar.js'
export { type OpenZip, openZip, type ZippedFile } from './zip.js'
