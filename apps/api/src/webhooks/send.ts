import { createHmac } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { WebhookAnswer } from '@kantor/contracts'
import { hostOf, isPublicAddress, PrivateAddress, publicLookup } from './public-address.js'

const TIMEOUT_MS = 10_000

export interface SentWebhook {
  /** The same for every try, so that its receiver can tell a repetition. */
  id: string
  url: string
  secret: string
  payload: string
}

export interface SendOptions {
  /** Also to this host and to private networks. */
  allowPrivate: boolean
  /** How a name is resolved, unless private targets are allowed: with a check of every address. */
  lookup?: LookupFunction
}

/**
 * Signature of Standard Webhooks (v1): HMAC-SHA256 of `id.timestamp.body` under the secret's bytes. The timestamp, in Unix seconds, lets a
 * receiver refuse what was recorded and sent again.
 */
function signature(id: string, timestamp: number, payload: string, secret: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${payload}`).digest('base64')}`
}

/**
 * One POST, on a connection of its own, within 10 seconds. Only 2xx is a success; a redirect is none and is not followed, no proxy is
 * used, and nothing of the answer but its status is read. Never rejects.
 */
export async function sendWebhook(hook: SentWebhook, options: SendOptions): Promise<WebhookAnswer> {
  const began = performance.now()
  const outcome = await post(hook, options).then(
    (status) => ({ status, ok: status >= 200 && status < 300, error: describeStatus(status) }),
    (error: unknown) => ({ status: null, ok: false, error: describeError(error) }),
  )
  return { ...outcome, milliseconds: Math.round(performance.now() - began) }
}

async function post({ id, url, secret, payload }: SentWebhook, options: SendOptions): Promise<number> {
  const target = new URL(url)
  const host = hostOf(target)
  // A socket resolves no literal address, so its lookup would not see this one.
  if (!options.allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) throw new PrivateAddress(host)
  const timestamp = Math.floor(Date.now() / 1000)
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const request = send(
      target,
      {
        method: 'POST',
        agent: false,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(!options.allowPrivate && { lookup: options.lookup ?? publicLookup() }),
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(payload),
          'user-agent': 'kantor-webhook',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': signature(id, timestamp, payload, secret),
        },
      },
      (response) => {
        resolve(response.statusCode ?? 0)
        request.destroy()
      },
    )
    request.on('error', reject)
    request.end(payload)
  })
}

function describeStatus(status: number): string | null {
  if (status >= 200 && status < 300) return null
  if (status >= 300 && status < 400)
    return `answered ${status}; redirects are not followed, give the address that they lead to`
  return `answered ${status}`
}

function describeError(error: unknown): string {
  if (error instanceof PrivateAddress) return error.message
  const { name, code } = error as { name?: string; code?: string }
  if (name === 'TimeoutError' || name === 'AbortError') return `no answer within ${TIMEOUT_MS / 1000} seconds`
  return code === undefined ? 'the request failed' : `the request failed (${code})`
}
