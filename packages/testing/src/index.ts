export { type RedisServer, startRedis } from './redis.js'
export { type S3Server, startFauxqs, startMoto } from './s3.js'
export { type ServiceChoice, type Services, startServices } from './services.js'
