export { countConfigurations, listConfigurations, type SettledSearch } from './methods.js'
