import { AppError } from '@kantor/contracts'
import { isLoopback } from '@kantor/runtime'
import type { FastifyRequest } from 'fastify'
import type { ApiDeps } from '../deps.js'

/**
 * Another site's name may be rebound to this machine, and its page would then be of our own origin. So where only this machine can
 * reach the port it must be asked for as such, or under a name from KANTOR_HOSTS; and wherever names are given, under one of them.
 */
export function assertKnownHost(request: FastifyRequest, { allowKeyless, hosts = [] }: ApiDeps): void {
  const name = withoutPort(request.host).toLowerCase()
  if (isLoopback(name) || hosts.includes(name)) return
  if (!allowKeyless && hosts.length === 0) return
  throw new AppError(
    'forbidden-origin',
    'the service does not answer under this host name; put the name into KANTOR_HOSTS if it should',
  )
}

/** Another site's page must not log a browser in: what its reader then did would be done for another key. */
export function assertNotForeign(request: FastifyRequest): void {
  if (isForeign(request)) throw foreignPage()
}

/** What comes with a cookie was perhaps sent by another site's page: whatever changes something must say that it comes from ours. */
export function assertOwnPage(request: FastifyRequest): void {
  if (isReading(request)) return
  const { origin } = request.headers
  const site = request.headers['sec-fetch-site']
  if (isForeign(request) || (origin === undefined && site === undefined)) throw foreignPage()
}

/**
 * Without keys a request is believed because it comes from this machine, so nothing may speak through it: no other host's name
 * (DNS rebinding), no proxy, and for what changes something no other site's page (CSRF). False when it comes from elsewhere.
 */
export function assertLocal(request: FastifyRequest): boolean {
  const { headers, socket } = request
  if (!isLoopback(socket.remoteAddress ?? '') || headers['x-forwarded-for'] !== undefined || headers.forwarded)
    return false
  if (!isLoopback(withoutPort(headers.host ?? '')))
    throw new AppError(
      'forbidden-origin',
      'without API keys the service answers only to localhost; see `kantor key create`',
    )
  if (!isReading(request)) assertNotForeign(request)
  return true
}

const foreignPage = () => new AppError('forbidden-origin', 'a page of another site may not change anything here')
/** The name or address in a Host header or the authority of a URL. */
const withoutPort = (authority: string): string => authority.replace(/:\d+$/, '')
const isReading = ({ method }: FastifyRequest) => method === 'GET' || method === 'HEAD'

function isForeign({ headers, host }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site']
  const { origin } = headers
  return (
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
  )
}
