// `npm run demo`: the whole stack, one WGAN trained on MNIST, and what came of it.
import { kantor } from './kantor.mjs'

await kantor('demo')
