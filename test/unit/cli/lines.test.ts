import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressFor, linesFor } from '../../../src/cli/machine/lines.ts'

const INSTALLER = 'cp … "$prefix/ca.pem"'
const lines = (url: string) => linesFor({ url: addressFor(url, ''), token: 'T', installer: INSTALLER })
const withoutInstaller = (url: string) => linesFor({ url, token: 'T', installer: undefined })
const SCRIPT = `'read -r FOMULAR_ENROLL_TOKEN; s=$(curl -fsSL "$0") && eval "\${s:?}"'`

test('the install line reaches the hub, even if a proxy serves the hub below a path', () => {
  const install = (url: string) => lines(url).install
  assert.equal(
    install('https://OS.example.com/'),
    `echo T | sh -c ${SCRIPT} https://os.example.com/install.sh`,
  )
  assert.equal(
    install('http://10.0.0.1:3001'),
    `echo T | sh -c ${SCRIPT} http://10.0.0.1:3001/install.sh --allow-insecure`,
  )
  const below = 'https://os.example.com/hub'
  assert.equal(
    install(below),
    `echo T | sh -c ${SCRIPT} ${below}/install.sh --base-url ${below}/releases --server-url ${below}`,
  )
  assert.equal(
    install('wss://[2001:DB8::1]:3001'),
    `echo T | sh -c ${SCRIPT} 'https://[2001:db8::1]:3001/install.sh'`,
  )
  assert.equal(lines(below).install_wget, install(below).replace('curl -fsSL', 'wget -qO-'))
  assert.equal(
    lines(below).enroll,
    `echo T | fomular-daemon enroll --server-url ${below} --token-stdin && fomular-daemon`,
  )
  assert.equal(withoutInstaller(below).install, lines(below).enroll)
})

test('special characters in an address are quoted for the shell', () => {
  const { install, enroll } = lines("http://127.0.0.1/;id&$(id)*'x!y'~")
  const address = "'http://127.0.0.1/;id&$(id)*%27x%21y%27~"
  assert.ok(
    install.includes(` ${address}/install.sh' --base-url ${address}/releases' --server-url ${address}'`),
  )
  assert.ok(enroll.includes(` --server-url ${address}' `))
})

test('an invalid address is refused', () => {
  for (const text of [
    'http://h;id/',
    'http://h$(id)/',
    "http://h'/",
    'http://h`id`/',
    'http://h/`id`',
    'http://h/a b',
    'http://h/"x"',
    'http://h/\nid',
    'http://h/\\x',
    'http://h/\x1b[2J',
    ' http://h/',
    'http://me@h/',
    'http://me:secret@h/',
    'http://h/?x=1',
    'http://h/#x',
    'http://-h/',
    'file:///etc/passwd',
    'h:3001',
    '',
  ])
    assert.throws(() => addressFor(text, ''), /is not a hub's address/, JSON.stringify(text))
})

test('the install line deletes the certificate file of a private authority, but keeps it if an older installer needs it later', () => {
  const authority = '-----BEGIN CERTIFICATE-----\nAbc=\n-----END CERTIFICATE-----\n'
  const install = (installer: string) =>
    linesFor({ url: 'https://h', token: 'T', installer, authority }).install
  assert.match(install(INSTALLER), /c=\$\(mktemp\).*rm -f "\$c"/)
  assert.match(install('older'), /c=~\/\.fomular\/ca\.pem/)
  assert.doesNotMatch(install('older'), /rm -f|mktemp/)
})

test('a token with unexpected characters is refused instead of inserted into a line', () => {
  for (const token of ['x; rm -rf ~', '$(id)', 'a\nb', "'", '', 'x'.repeat(300)])
    assert.throws(() => linesFor({ url: 'https://h', token, installer: INSTALLER }), {
      code: 'hub_incompatible',
    })
})
