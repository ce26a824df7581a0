import { lookup as resolve } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** What no server of the public Internet has: this host, private networks, link-local with its metadata services, documentation, multicast. */
const privateV4 = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  privateV4.addSubnet(network, prefix, 'ipv4')

/** Of IPv6 only global unicast is public, less the parts that carry an IPv4 address inside or are for documentation. */
const globalV6 = new BlockList()
globalV6.addSubnet('2000::', 3, 'ipv6')
const privateV6 = new BlockList()
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  privateV6.addSubnet(network, prefix, 'ipv6')

/** Whether an IP address may belong to a server of the public Internet. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address)
  if (version === 4) return !privateV4.check(address, 'ipv4')
  return version === 6 && globalV6.check(address, 'ipv6') && !privateV6.check(address, 'ipv6')
}

export class PrivateAddress extends Error {
  override name = 'PrivateAddress'
  constructor(host: string) {
    super(`${host} is not an address of the public Internet; KANTOR_WEBHOOK_PRIVATE=on allows such targets`)
  }
}

/**
 * For the `lookup` of a socket: the address that was checked is the one that is connected to, so a name that resolves to something else
 * the next time gains nothing. PrivateAddress when any address of the name is not public. `resolver` is the system's.
 */
export const publicLookup =
  (resolver: typeof resolve = resolve): LookupFunction =>
  (host, { hints, family }, done) => {
    resolver(host, { all: true, ...(hints !== undefined && { hints }), family: family ?? 0 }, (error, addresses) => {
      if (error) return done(error, [])
      const refused = addresses.length === 0 || addresses.some(({ address }) => !isPublicAddress(address))
      if (refused) return done(new PrivateAddress(host), [])
      done(null, addresses)
    })
  }

/** Of a URL: without the brackets of IPv6. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '')
