// `npm start`: the whole stack on this machine, left running.
import { kantor } from './kantor.mjs'

await kantor('up')
