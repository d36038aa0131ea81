import { readFileSync } from 'node:fs'
import { isIPv4, type Socket } from 'node:net'
import { endianness, networkInterfaces } from 'node:os'
import { sleep } from './clock.ts'

/** Time for a server of this machine to take a connection, in ms; then the owner of the port counts. */
const TAKEN_MS = 3000
/** Between looks whether it has, the first and the most. */
const FIRST_LOOK_MS = 5
const LOOK_MS = 200

/** Looks that must not find a connection: the table is read in parts, between which a row can move past the reader. */
const MISSES = 2

/** Columns of `/proc/net/tcp` that are of interest here. */
interface Row {
  local: string
  remote: string
  state: string
  uid: number
  /** 0 while no program has taken the connection. */
  inode: string
}

/** States, as the table has them, of a port and of a connection that waits for its first data to be handed over. */
const LISTEN = '0A'
const SYN_RECV = '03'

/**
 * Returns the uid of the program at the other end of a connection within this machine. Undefined where the system does not
 * tell: beyond Linux, and for a connection that leads out of this network namespace.
 * @throws Error where the connection ends meanwhile
 */
export async function ownerOfPeer(socket: Socket): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  // One that was reset has still an end here.
  if (localAddress === undefined || remoteAddress === undefined) throw new Error('the connection was closed')
  const here = place(localAddress, localPort!)
  const there = place(remoteAddress, remotePort!)
  const late = performance.now() + TAKEN_MS
  for (let wait = FIRST_LOOK_MS, missed = 0; ; wait = Math.min(2 * wait, LOOK_MS)) {
    const rows = table(remotePort!)
    const peer = rows.find(({ local, remote }) => local === there && remote === here)
    if (!peer && ++missed === MISSES) return isHere(socket) ? listener(rows, there)?.uid : undefined
    if (peer && (peer.inode !== '0' || peer.state === SYN_RECV)) return peer.uid
    const owner = performance.now() > late ? listener(rows, there) : undefined
    if (owner) return owner.uid
    if (performance.now() > late + TAKEN_MS) throw new Error('nobody takes the connection')
    await sleep(wait)
    // What was closed on the other side has no owner either.
    if (socket.destroyed || socket.readableEnded) throw new Error('the connection was closed at once')
  }
}

/** Whether a connection ends on this machine, whose own servers may listen on the port of another machine's. */
function isHere({ localAddress, remoteAddress = '' }: Socket): boolean {
  const address = remoteAddress.replace(/^::ffff:/i, '')
  if (remoteAddress === localAddress || address.startsWith('127.')) return true
  try {
    return Object.values(networkInterfaces()).some((all) => all?.some((own) => own.address === address))
  } catch {
    // A sandbox may forbid to ask.
    return false
  }
}

/** The most specific one: others on the port have the other addresses. */
const listener = (rows: Row[], there: string) => {
  const port = there.slice(there.indexOf(' '))
  return [there, `${V4}00000000${port}`, `${'0'.repeat(32)}${port}`]
    .map((at) => rows.find(({ state, local }) => state === LISTEN && local === at))
    .find((row) => row !== undefined)
}

/** What IPv6 has before an address of IPv4. */
const V4 = '00000000000000000000ffff'

/** An address as 16 bytes in hexadecimal, and a port. */
function place(address: string, port: number): string {
  const v4 = address.replace(/^::ffff:/i, '')
  return `${isIPv4(v4) ? V4 + v4.split('.').map(hex).join('') : bytesOf(address)} ${port}`
}

const hex = (byte: string) => Number(byte).toString(16).padStart(2, '0')

/** Of an address of IPv6, which may have a zone behind it. */
function bytesOf(address: string): string {
  const [front = '', back = ''] = address.toLowerCase().replace(/%.*$/, '').split('::')
  const [before, after] = [front, back].map((groups) =>
    groups
      .split(':')
      .map((group) => (group === '' ? '' : group.padStart(4, '0')))
      .join(''),
  )
  return before!.padEnd(32 - after!.length, '0') + after!
}

/** Rows of both tables that have the port on their side. */
function table(port: number): Row[] {
  const mark = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  return ['/proc/self/net/tcp', '/proc/self/net/tcp6'].flatMap((path) =>
    read(path)
      .split('\n')
      .filter((line) => line.includes(mark))
      .flatMap((line): Row[] => {
        const [, local = '', remote = '', state = '', , , , uid, , inode = '0'] = line.trim().split(/\s+/)
        const [at, of] = [decoded(local), decoded(remote)]
        return at.endsWith(` ${port}`) ? [{ local: at, remote: of, state, uid: Number(uid), inode }] : []
      }),
  )
}

/** The table has words of 32 bits as this machine keeps them in memory. */
function decoded(text: string): string {
  const [words = '', port = ''] = text.toLowerCase().split(':')
  const bytes = words
    .replace(/.{8}/g, (word) => (endianness() === 'LE' ? (word.match(/../g) ?? []).reverse().join('') : word))
    .replace(/^(?=.{8}$)/, V4)
  return `${bytes} ${Number.parseInt(port, 16)}`
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
