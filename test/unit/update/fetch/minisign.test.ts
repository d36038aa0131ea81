import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSigned } from '../../../../src/update/fetch/minisign.ts'
import { releaseKey } from '../../../support/package-server.ts'

/** Made by minisign 0.11. */
const KEY = 'RWRTNCtVkrKeXtJeEbJZ422OQzGMtq4iW1jXSbQqLRw0vDv7GVXUjVm4'
const DATA = Buffer.from('signed by minisign\n')
const HASHED = `untrusted comment: signature from minisign secret key
RURTNCtVkrKeXp6g+Uq+88b3YeItqY5C3ZBCOZlVR37LQAVdL6NEyjI7jvK1lVryWb9Mksgk7lQUj3pyQMSqbT5+ihuyVXLiTgg=
trusted comment: a comment
4TJeLJPTfe6U6USRRYF2EfDZn7SmKk94UF3axDnLbt9yoMdumDjCtIwyUNzN4CxN4n4H5J1EJV65JdRimpqgBg==
`
const PLAIN = `untrusted comment: signature from minisign secret key
RWRTNCtVkrKeXnbMS2Op3D36QVmgi/2xzx/MDLLYKCijKRei+9eF2AK6lvdGurHdtdqDuoDs20Ac6QJQ6WvI0Apkhs2unwhiCww=
trusted comment: a comment
ezxqbNFl9GQLELZjt2JMcgu8FDkDuah1YvqoTzUP2DXq5lzQQASJYnsTqQkEcDm83UfCNDKpxl3aI1O/BddXBQ==
`

test('a minisign signature of a file or of its hash is valid, and it also covers the trusted comment', () => {
  for (const signature of [HASHED, PLAIN]) {
    assert.ok(isSigned(DATA, signature, [KEY]))
    assert.ok(isSigned(DATA, signature.replaceAll('\n', '\r\n'), [releaseKey().publicKey, KEY]))
    assert.ok(!isSigned(DATA, signature, []))
    assert.ok(!isSigned(DATA, signature, [releaseKey().publicKey]))
    assert.ok(!isSigned(Buffer.from('signed by minisign'), signature, [KEY]))
    assert.ok(!isSigned(DATA, signature.replace('a comment', 'another'), [KEY]))
  }
})

test('a malformed signature, and a signature with another key, are invalid', () => {
  const [head = '', own = '', comment = '', all = ''] = PLAIN.split('\n')
  const bytes = Buffer.from(own, 'base64')
  const spoilt = (at: number, value: number) => {
    const copy = Buffer.from(bytes)
    copy[at] = value
    return [head, copy.toString('base64'), comment, all].join('\n')
  }
  for (const text of [
    '',
    'a\nb\nc\nd',
    [head, own, comment].join('\n'),
    [head, own, all, comment].join('\n'),
    [head, own.slice(0, -4), comment, all].join('\n'),
    [head, own, comment, own].join('\n'),
    // These signatures have another algorithm or another key.
    spoilt(1, 'D'.charCodeAt(0)),
    spoilt(0, 'X'.charCodeAt(0)),
    spoilt(2, 0),
    spoilt(40, (bytes[40] ?? 0) ^ 1),
  ])
    assert.ok(!isSigned(DATA, text, [KEY]), text)
  for (const key of ['', 'RW', `${KEY}AAAA`, KEY.slice(4), HASHED])
    assert.ok(!isSigned(DATA, PLAIN, [key]), key)
})
