import assert from 'node:assert/strict'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Header } from 'tar'
import { unpack } from '../../../../src/update/fetch/unpack.ts'
import { tempDir } from '../../../support/temp.ts'

const MIB = 1024 * 1024

function block(
  path: string,
  type: 'File' | 'GlobalExtendedHeader' | 'ExtendedHeader',
  body: Buffer,
  size = body.length,
) {
  const header = Buffer.alloc(512)
  new Header({ path, type, size, mode: 0o644 }).encode(header, 0)
  return Buffer.concat([header, body, Buffer.alloc(-body.length & 511)])
}

/** Returns a line of a pax header. Such a line begins with its length. */
const says = (size: number) => {
  const rest = ` size=${size}\n`
  return Buffer.from(`${rest.length + String(rest.length + 2).length}${rest}`)
}

const tarball = (dir: string, blocks: Buffer[]) => {
  const path = join(dir, 'package.tgz')
  writeFileSync(path, gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)])))
  return path
}

const sizeOf = (dir: string): number =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' }).reduce(
    (sum, path) => sum + statSync(join(dir, path)).size,
    0,
  )

describe('unpacking a package', () => {
  test('unpacking counts the bytes of files instead of trusting their headers', async (t) => {
    const dir = tempDir(t)
    const file = (name: string) => [
      block('pax', 'ExtendedHeader', says(4 * MIB)),
      block(`package/${name}`, 'File', Buffer.alloc(4 * MIB, 'ab'), 0),
    ]
    const path = tarball(dir, [
      block('pax', 'GlobalExtendedHeader', says(1)),
      ...file('a'),
      ...file('b'),
      ...file('c'),
    ])
    const out = join(dir, 'out')
    await assert.rejects(unpack(path, out, 5 * MIB), /it is larger than 5242880 bytes/)
    assert.ok(sizeOf(out) <= 6 * MIB)
    assert.equal((await unpack(path, join(dir, 'all'), 12 * MIB)).size, 3)
  })

  test('unpacking ends at the first file over the limit', async (t) => {
    const dir = tempDir(t)
    const names = Array.from({ length: 1200 }, (_, number) => `package/${number}`)
    const path = tarball(
      dir,
      names.map((name) => block(name, 'File', Buffer.from(name))),
    )
    await assert.rejects(unpack(path, join(dir, 'out')), /more than 1000 files/)
  })

  test('unpacking fails if a tarball is cut off', async (t) => {
    const dir = tempDir(t)
    const path = join(dir, 'package.tgz')
    writeFileSync(path, gzipSync(block('package/a', 'File', Buffer.alloc(MIB)).subarray(0, MIB / 2)))
    await assert.rejects(unpack(path, join(dir, 'out')), /Cannot unpack the package/)
  })
})
