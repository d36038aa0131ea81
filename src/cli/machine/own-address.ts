import { createSocket } from 'node:dgram'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Listening } from '../../config/hub.ts'
import { isLoopback } from '../../config/server-url.ts'
import { certificateOf } from './authority.ts'

/** An address of documentation (RFC 5737): the way to it is the way to anywhere. */
const ELSEWHERE = '192.0.2.1'

interface OwnAddress {
  url: string
  /** Says which address was chosen where there was a choice. */
  notice?: string
}

/**
 * How other machines most likely reach a hub of this machine.
 * @param here its address for this machine
 */
export async function ownAddress(here: string, { url }: Listening): Promise<OwnAddress> {
  const { protocol, hostname, port } = new URL(url)
  const everywhere = hostname === '0.0.0.0' || hostname === '[::]'
  if (isLoopback(hostname)) return { url: here }
  const at = (host: string) => `${protocol}//${inUrl(host)}${port && `:${port}`}`
  const names = protocol === 'https:' ? await namesForOthers(here) : []
  const [name] = names
  if (name !== undefined && !names.includes(hostname.replace(/^\[|\]$/g, '')))
    return { url: at(name), notice: chosen(name, 'a name in its certificate') }
  if (!everywhere) return { url }
  const address = (await routedAddress()) ?? interfaceAddress()
  if (address === undefined) return { url: here }
  return { url: at(address), notice: chosen(address, 'an address of this machine') }
}

const chosen = (host: string, what: string) =>
  `The line leads to ${host}, ${what}. If the other machine reaches the hub differently, give --address.`

const inUrl = (host: string) => (isIP(host) === 6 ? `[${host}]` : host)

/** None where nothing answers: whoever asks the hub next is told. */
async function namesForOthers(here: string): Promise<string[]> {
  const { names } = await certificateOf(here).catch(() => ({ names: [] }))
  return names.filter((name) => {
    const url = `https://${inUrl(name)}`
    return !name.includes('*') && URL.canParse(url) && !isLoopback(new URL(url).hostname)
  })
}

/** The address that this machine has on its way out. Nothing is sent. */
function routedAddress(): Promise<string | undefined> {
  const socket = createSocket('udp4')
  return new Promise<string | undefined>((resolve) => {
    socket.once('error', () => resolve(undefined))
    socket.connect(9, ELSEWHERE, () => resolve(socket.address().address))
  }).finally(() => socket.close())
}

/** For a network that leads nowhere else. */
function interfaceAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  const found = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  return (found.find(({ family }) => family === 'IPv4') ?? found[0])?.address
}
