import { BlockList } from 'node:net'

/** Networks of IPv4 that are not part of the internet: private, local, reserved, or for many receivers. */
const INNER_V4: [network: string, bits: number][] = [
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
]
/** Networks of IPv6 within the global network that lead elsewhere: tunnels to IPv4, and examples. */
const INNER_V6: [network: string, bits: number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const inner = new BlockList()
for (const [network, bits] of INNER_V4) inner.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of INNER_V6) inner.addSubnet(network, bits, 'ipv6')
const global = new BlockList()
global.addSubnet('2000::', 3, 'ipv6')

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Reports whether an address is part of the public internet. */
export const isPublic = (address: string): boolean =>
  address.includes(':')
    ? global.check(address, 'ipv6') && !inner.check(address, 'ipv6')
    : !inner.check(address, 'ipv4')

/** Reports whether an address is this machine's own. */
export const isOwn = (address: string): boolean =>
  loopback.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
