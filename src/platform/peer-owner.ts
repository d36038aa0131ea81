import { readFile } from 'node:fs'
import { isIPv4, type Socket } from 'node:net'
import { endianness, networkInterfaces } from 'node:os'
import { sleep, systemClock } from './clock.ts'

/**
 * Time for a server on this machine to accept a connection, in ms. After this time, the owner of the
 * listening port counts as the owner of the connection.
 */
const TAKEN_MS = 3000
/** Shortest and longest interval between checks of the table, in ms. */
const FIRST_LOOK_MS = 5
const LOOK_MS = 200

/**
 * Number of times that a connection must be missing from the table before it counts as ended. The table is
 * read in parts, and a row can move from one part to another during a read.
 */
const MISSES = 2

/** Relevant columns of `/proc/net/tcp`. */
interface Row {
  local: string
  remote: string
  state: string
  uid: number
  /** 0 until a program has accepted the connection. */
  inode: string
}

/** Codes for states in the table: a listening port, and a connection that waits for its first data. */
const LISTEN = '0A'
const SYN_RECV = '03'

/**
 * Returns the uid of the program at the other end of a connection within this machine. Undefined if the
 * system does not reveal the owner: on systems other than Linux, and for a connection that leaves this
 * network namespace.
 * @throws Error if the connection ends in the meantime
 */
export async function ownerOfPeer(socket: Socket): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  // After a reset, the socket only has its local address.
  if (localAddress === undefined || remoteAddress === undefined) throw new Error('the connection was closed')
  const here = place(localAddress, localPort!)
  const there = place(remoteAddress, remotePort!)
  const late = systemClock.monotonic() + TAKEN_MS
  for (let wait = FIRST_LOOK_MS, missed = 0; ; wait = Math.min(2 * wait, LOOK_MS)) {
    const rows = await table(remotePort!)
    const peer = rows.find(({ local, remote }) => local === there && remote === here)
    if (!peer && ++missed === MISSES) return isHere(socket) ? listener(rows, there)?.uid : undefined
    if (peer && (peer.inode !== '0' || peer.state === SYN_RECV)) return peer.uid
    const owner = systemClock.monotonic() > late ? listener(rows, there) : undefined
    if (owner) return owner.uid
    if (systemClock.monotonic() > late + TAKEN_MS) throw new Error('nothing accepts the connection')
    await sleep(wait)
    // Once the other side has closed the connection, the connection has no owner.
    if (socket.destroyed || socket.readableEnded) throw new Error('the connection was closed at once')
  }
}

/**
 * Reports whether a connection ends on this machine. A connection to another machine must not count, even if
 * a server of this machine listens on a port with the same number.
 */
function isHere({ localAddress, remoteAddress = '' }: Socket): boolean {
  const address = remoteAddress.replace(/^::ffff:/i, '')
  if (remoteAddress === localAddress || address.startsWith('127.')) return true
  try {
    return Object.values(networkInterfaces()).some((all) => all?.some((own) => own.address === address))
  } catch {
    // A sandbox may forbid listing the network interfaces.
    return false
  }
}

/**
 * Returns the listener that accepts connections to an address. If several listeners match, the listener with
 * the most specific address accepts them.
 */
const listener = (rows: Row[], there: string) => {
  const port = there.slice(there.indexOf(' '))
  return [there, `${V4}00000000${port}`, `${'0'.repeat(32)}${port}`]
    .map((at) => rows.find(({ state, local }) => state === LISTEN && local === at))
    .find((row) => row !== undefined)
}

/** Prefix of an IPv4 address in IPv6. */
const V4 = '00000000000000000000ffff'

/** Returns a key for an address and a port: the address as 16 bytes in hexadecimal, then the port. */
function place(address: string, port: number): string {
  const v4 = address.replace(/^::ffff:/i, '')
  return `${isIPv4(v4) ? V4 + v4.split('.').map(hex).join('') : bytesOf(address)} ${port}`
}

const hex = (byte: string) => Number(byte).toString(16).padStart(2, '0')

/** Returns the bytes of an IPv6 address. The address may end with a zone. */
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

/**
 * Returns the rows of both tables whose local port is this port. The system takes several milliseconds to
 * list all connections, so the tables are read in the background.
 */
async function table(port: number): Promise<Row[]> {
  const mark = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  const texts = await Promise.all(['/proc/self/net/tcp', '/proc/self/net/tcp6'].map(read))
  return texts.flatMap((text) =>
    text
      .split('\n')
      .filter((line) => line.includes(mark))
      .flatMap((line): Row[] => {
        const [, local = '', remote = '', state = '', , , , uid, , inode = '0'] = line.trim().split(/\s+/)
        const [at, of] = [decoded(local), decoded(remote)]
        return at.endsWith(` ${port}`) ? [{ local: at, remote: of, state, uid: Number(uid), inode }] : []
      }),
  )
}

/**
 * Converts an address from the table to the form that `place` returns. In the table, an address consists of
 * 32-bit words in the byte order of this machine.
 */
function decoded(text: string): string {
  const [words = '', port = ''] = text.toLowerCase().split(':')
  const bytes = words
    .replace(/.{8}/g, (word) => (endianness() === 'LE' ? (word.match(/../g) ?? []).reverse().join('') : word))
    .replace(/^(?=.{8}$)/, V4)
  return `${bytes} ${Number.parseInt(port, 16)}`
}

const read = (path: string) =>
  new Promise<string>((resolve) => readFile(path, 'latin1', (_, text = '') => resolve(text)))
