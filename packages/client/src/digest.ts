import { ClientError } from './client-error.js'

/**
 * Compares downloaded bytes with the SHA-256 that the reply states: `Repr-Digest` of RFC 9530, or an ETag that is one in hexadecimal. No such header, or no WebCrypto (a page over plain http): nothing to compare.
 */
export async function verifyDigest(bytes: Uint8Array, headers: Headers, where: string): Promise<void> {
  const expected = statedDigest(headers)
  const subtle = (globalThis.crypto as Partial<typeof globalThis.crypto> | undefined)?.subtle
  if (expected === undefined || subtle === undefined) return
  const found = toHex(new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)))
  if (found !== expected) {
    throw new ClientError('corrupt-download', `${where}: the bytes hash to ${found}, the API says ${expected}`, {
      status: 200,
    })
  }
}

function statedDigest(headers: Headers): string | undefined {
  const base64 = headers.get('repr-digest')?.match(/sha-256=:([A-Za-z0-9+/=]+):/)?.[1]
  if (base64 !== undefined) return toHex(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)))
  const hex = headers.get('etag')?.replaceAll('"', '')
  return hex !== undefined && /^[0-9a-f]{64}$/i.test(hex) ? hex.toLowerCase() : undefined
}

const toHex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
