// One request and how long it took, over connections that are kept: cheaper than fetch, so that the client is not what is measured.
import http from 'node:http'

/** `ask(path, {method, headers, body})` answers {status, headers, text, ms}; `ms` runs until the last byte. */
export function openClient({ url, key }) {
  const agent = new http.Agent({ keepAlive: true })
  const ask = (path, { method = 'GET', headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const begin = performance.now()
      const json = body !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      }
      const request = http.request(
        new URL(path, url),
        { agent, method, headers: { authorization: `Bearer ${key}`, ...json, ...headers } },
        (response) => {
          const chunks = []
          response.on('data', (chunk) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () =>
            resolve({
              status: response.statusCode,
              headers: response.headers,
              text: Buffer.concat(chunks).toString(),
              ms: performance.now() - begin,
            }),
          )
        },
      )
      request.on('error', reject)
      request.end(body)
    })
  return { ask, close: () => agent.destroy() }
}

/** Of at least one number; the value that this share of them does not exceed. */
export function percentile(numbers, share) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}
