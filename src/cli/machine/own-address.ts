import { createSocket } from 'node:dgram'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Listening } from '../../config/hub.ts'
import { isLoopback } from '../../config/server-url.ts'
import { certificateOf } from './authority.ts'

/**
 * An address that is reserved for documentation (RFC 5737). The system routes this address like any other.
 */
const ELSEWHERE = '192.0.2.1'

interface OwnAddress {
  url: string
  /** Tells the user the chosen address, if several were possible. */
  notice?: string
}

/**
 * Returns the address at which other machines most likely reach a hub on this machine.
 * @param here the hub's address, as seen from this machine
 */
export async function ownAddress(here: string, { url }: Listening): Promise<OwnAddress> {
  const { protocol, hostname, port } = new URL(url)
  const everywhere = hostname === '0.0.0.0' || hostname === '[::]'
  if (isLoopback(hostname)) return { url: here }
  const at = (host: string) => `${protocol}//${inUrl(host)}${port && `:${port}`}`
  const names = protocol === 'https:' ? await namesForOthers(here) : []
  const [name] = names
  if (name !== undefined && !names.includes(hostname.replace(/^\[|\]$/g, '')))
    return { url: at(name), notice: chosen(name, "a name in the hub's certificate") }
  if (!everywhere) return { url }
  const address = (await routedAddress()) ?? interfaceAddress()
  if (address === undefined) return { url: here }
  return { url: at(address), notice: chosen(address, 'an address of this machine') }
}

const chosen = (host: string, what: string) =>
  `The line uses ${host}, ${what}. If the other machine reaches the hub at another address, add --address.`

const inUrl = (host: string) => (isIP(host) === 6 ? `[${host}]` : host)

/** If the hub does not answer, returns no names; the next request to the hub reports this error. */
async function namesForOthers(here: string): Promise<string[]> {
  const { names } = await certificateOf(here).catch(() => ({ names: [] }))
  return names.filter((name) => {
    const url = `https://${inUrl(name)}`
    return !name.includes('*') && URL.canParse(url) && !isLoopback(new URL(url).hostname)
  })
}

/** Returns this machine's address on its route to other networks. Sends nothing. */
function routedAddress(): Promise<string | undefined> {
  const socket = createSocket('udp4')
  return new Promise<string | undefined>((resolve) => {
    socket.once('error', () => resolve(undefined))
    socket.connect(9, ELSEWHERE, () => resolve(socket.address().address))
  }).finally(() => socket.close())
}

/** Returns an address of this machine, for a network without a route to other networks. */
function interfaceAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  const found = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  return (found.find(({ family }) => family === 'IPv4') ?? found[0])?.address
}
