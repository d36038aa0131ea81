import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { environmentLine, parseEnvironment } from '../../src/service/expand.ts'
import { HUB, MACHINE_KEY, serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

const UNIT = '/etc/systemd/system/fomular.service'
const byHand = (key: string) => `[Unit]
Description=FomularOS daemon
After=network-online.target

[Service]
Type=simple
User=bob
Environment=MACHINE_KEY=${key}
Environment=FOMULAR_DAEMON_NO_SELF_RELAUNCH=1
Environment="ANTHROPIC_API_KEY=sk \\"x\\" $1" FOMULAR_MAX_AGENTS=7
LimitNOFILE=4096
ExecStart=/usr/local/bin/fomular-daemon --server-url ws://127.0.0.1:3001 \\
  --key \${MACHINE_KEY}
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
`

test('on request, the service takes over a handwritten unit with all its settings', async (t) => {
  const on = await serviceMachine(t)
  const { machine, daemon, at, write } = on
  const key = readFileSync(at(MACHINE_KEY), 'utf8').trim()
  write(UNIT, byHand(key))
  write(`${UNIT}.d/more.conf`, '[Service]\nNice=5\n')
  write(`${UNIT}.d/user.conf`, '[Service]\nKillMode=control-group\n')
  await machine.out(['systemctl', 'daemon-reload'])
  await machine.out(['systemctl', 'start', 'fomular'])
  const connected = async () =>
    (await daemon(['machine', 'list', ...HUB, '--json'])).stdout.includes('"connected":true')
  await until(connected, { what: 'the daemon of the unit' })
  const agent = await on.startAgent()
  const { pid } = await on.agentIs(agent, 'idle')

  await t.test('without `--take-over`, the unit stays unchanged, and the error names the flag', async () => {
    const refused = await daemon(['service', 'install', '--json'])
    assert.equal(refused.code, 4, refused.stdout)
    const { error } = JSON.parse(refused.stdout)
    assert.equal(error.code, 'by_hand')
    assert.match(error.remedy, /--take-over/)
    const dry = await daemon(['service', 'install', '--take-over', '--dry-run'])
    assert.equal(dry.code, 0, dry.stderr)
    for (const said of [
      /say: The unit fomular is taken over: .* user bob, state folder \/home\/bob\/\.fomular\/state/,
      /say: Not taken over: LimitNOFILE \(fomular\.service\)/,
      /write \/etc\/systemd\/system\/fomular\.service\.before-take-over \(mode 0600\)/,
      /write \/etc\/fomular\/key \(mode 0600\)/,
      /write \/etc\/fomular\/environment \(mode 0600\)/,
    ])
      assert.match(dry.stdout, said)
    assert.doesNotMatch(dry.stdout, new RegExp(`${key}|API_KEY=sk`))
    assert.equal(readFileSync(at(UNIT), 'utf8'), byHand(key))
  })

  await t.test('after the takeover, the agents are still alive, and the key is not in the unit', async () => {
    const taken = await daemon(['service', 'install', '--take-over', '--json'])
    assert.equal(taken.code, 0, taken.stdout + taken.stderr)
    const status = JSON.parse(taken.stdout)
    assert.deepEqual([status.name, status.running, status.user], ['fomular', true, 'bob'])
    const found = await on.agentIs(agent, 'idle')
    assert.deepEqual([found.pid, found.run], [pid, 1])
    const unit = readFileSync(at(UNIT), 'utf8')
    assert.doesNotMatch(unit, new RegExp(`${key}|API_KEY=sk`))
    assert.match(unit, /^User=bob$/m)
    for (const path of [`${UNIT}.before-take-over`, '/etc/fomular/key', '/etc/fomular/environment']) {
      const { mode, uid } = statSync(at(path))
      assert.deepEqual([mode & 0o777, uid], [0o600, 0], path)
    }
    assert.equal(readFileSync(at(`${UNIT}.before-take-over`), 'utf8'), byHand(key))
    assert.ok(existsSync(at(`${UNIT}.d/more.conf`)) && !existsSync(at(`${UNIT}.d/user.conf`)))
    const environment = (await machine.out(['cat', `/proc/${status.pid}/environ`])).split('\0')
    assert.ok(environment.includes('ANTHROPIC_API_KEY=sk "x" $1'), environment.join('\n'))
    assert.ok(environment.includes('FOMULAR_MAX_AGENTS=7'))
    assert.ok(!environment.some((each) => each.includes(key)))
  })

  await t.test(
    'a repeated installation changes nothing, and keeps settings that its flags omit',
    async () => {
      const again = await daemon([
        'service',
        'install',
        '--name',
        'fomular',
        '--server-url',
        'ws://127.0.0.1:3001',
        '--json',
      ])
      const { done, user, pid: now } = JSON.parse(again.stdout)
      assert.deepEqual(
        [done.filter((text: string) => text.startsWith('wrote')), user],
        [[], 'bob'],
        again.stdout,
      )
      assert.ok(now > 0)
      assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
    },
  )

  await t.test('environment files are parsed in the same way as by systemd', async () => {
    const odd = [
      '# comment \\',
      'STILL=comment',
      '; another',
      'PLAIN=a b  ',
      'JOINED="a b"\'c d\' "e"',
      'MIDDLE=it\'s "so"',
      'ESCAPED=a\\ b\\"c',
      'LONG=a\\',
      'b',
      'DOUBLE="x \\" \\$ \\n \\',
      'y"',
      "SINGLE='x \\ y",
      "z'",
      ' SPACED = v',
      'export EXPORTED=v',
      'EMPTY=',
      'EQUALS=a=b',
      'BEHIND="a"b "c"',
      'no assignment',
      'TWICE=1',
      'TWICE=2',
      environmentLine('OURS', 'a "b" $c `d` \\e\nf'),
    ].join('\n')
    write('/root/odd', odd)
    const run = ['systemd-run', '--quiet', '--wait', '--pipe', '--property=EnvironmentFile=/root/odd']
    const shown = (await machine.out([...run, '/usr/bin/env', '-0'])).split('\0').filter(Boolean)
    const known = Object.fromEntries(
      shown.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
    )
    const parsed = parseEnvironment(odd)
    assert.deepEqual(parsed, Object.fromEntries(Object.keys(parsed).map((name) => [name, known[name]])))
    assert.deepEqual(
      Object.keys(known)
        .filter((name) => /^[A-Z]+$/.test(name) && !(name in parsed))
        .filter((name) => odd.includes(name)),
      [],
    )
  })

  await t.test('a unit that cannot be taken over completely is refused, and nothing is written', async () => {
    const cases = {
      'it is started through nice': 'ExecStart=/usr/bin/nice -n 5 /usr/local/bin/fomular-daemon --key k',
      'it is started through sh': "ExecStart=/bin/sh -c 'exec /usr/local/bin/fomular-daemon --key k'",
      'it has several commands':
        'Type=oneshot\nExecStart=/bin/true\nExecStart=/usr/local/bin/fomular-daemon --key k',
      'its user exists only while it runs':
        'DynamicUser=yes\nExecStart=/usr/local/bin/fomular-daemon --key k',
      'EnvironmentFile=/etc/odd/\\*.env is a pattern':
        'EnvironmentFile=/etc/odd/*.env\nExecStart=/usr/local/bin/fomular-daemon --key k',
    }
    const path = '/etc/systemd/system/odd.service'
    for (const [why, lines] of Object.entries(cases)) {
      write(path, `[Service]\n${lines}\n`)
      await machine.out(['systemctl', 'daemon-reload'])
      const { code, stdout } = await daemon(['service', 'install', '--take-over', '--name', 'odd', '--json'])
      assert.equal(code, 4, stdout)
      assert.match(JSON.parse(stdout).error.message, new RegExp(why))
    }
    write(path, '[Service]\nExecStart=/usr/local/bin/fomular-daemon up\n')
    const up = await daemon([
      'service',
      'install',
      '--name',
      'odd',
      '--server-url',
      'ws://127.0.0.1:3001',
      '--key',
      'k',
      '--json',
    ])
    assert.equal(JSON.parse(up.stdout).error?.code, 'by_hand', up.stdout)
    assert.ok(!existsSync(at(`${path}.before-take-over`)) && !existsSync(at('/etc/odd')))
    await machine.out(['rm', path])
  })

  await t.test(
    'a key from a drop-in or a variable is not passed to the program, and files that still contain the key are reported',
    async () => {
      const { uid } = statSync(at('/home/bob'))
      const path = '/etc/systemd/system/second.service'
      const dropIn = `${path}.d/10-key.conf`
      write(
        '/etc/second.env',
        `OPTIONS=--server-url ws://127.0.0.1:3001 --key ${key} --log-level "debug"\nOTHER='a  b'\n`,
      )
      write(
        path,
        `[Service]\nUser=${uid}\nExecStart=/usr/bin/env FOMULAR_MAX_AGENTS=9 node /usr/local/bin/fomular-daemon $OPTIONS\n`,
      )
      write(
        dropIn,
        `[Service]\nEnvironmentFile=-/etc/second.env\nEnvironment=FOMULAR_STATE_DIR=/home/bob/two KEY=${key}\n`,
      )
      await machine.out(['systemctl', 'daemon-reload'])
      const flags = ['service', 'install', '--take-over', '--name', 'second', '--no-start']
      const dry = await daemon([...flags, '--dry-run'])
      assert.equal(dry.code, 0, dry.stderr)
      const taken = await daemon(flags)
      assert.equal(taken.code, 0, taken.stderr)
      assert.match(
        taken.stderr,
        new RegExp(`The key is still in ${dropIn}\\.before-take-over, /etc/second\\.env: `),
      )
      // The output and the changes match the announcement.
      const announced = dry.stdout.trim().split('\n')
      const said = announced.filter((line) => line.startsWith('say: ')).map((line) => line.slice(5))
      assert.deepEqual(taken.stderr.trim().split('\n'), said)
      const wrote = (from: string, word: string) =>
        [...from.matchAll(new RegExp(`^${word} (\\S+)`, 'gm'))].map(([, file]) => file)
      assert.deepEqual(wrote(taken.stdout, 'wrote'), wrote(dry.stdout, 'write'))
      assert.deepEqual(wrote(taken.stdout, 'removed'), wrote(dry.stdout, 'remove'))
      const unit = readFileSync(at(path), 'utf8')
      assert.match(unit, /^User=bob$/m)
      assert.match(unit, /--log-level debug --state-dir \/home\/bob\/two$/m)
      assert.doesNotMatch(unit, new RegExp(key))
      assert.deepEqual(parseEnvironment(readFileSync(at('/etc/second/environment'), 'utf8')), {
        FOMULAR_MAX_AGENTS: '9',
        OTHER: 'a  b',
      })
      assert.equal(readFileSync(at('/etc/second/key'), 'utf8').trim(), key)
      assert.doesNotMatch(await machine.out(['systemctl', 'show', 'second']), new RegExp(key))
    },
  )

  await t.test('a new key replaces a key file that the service user cannot read', async () => {
    const path = '/etc/systemd/system/third.service'
    write(
      path,
      '[Service]\nUser=bob\nExecStart=/usr/local/bin/fomular-daemon --server-url ws://127.0.0.1:3001 --key-file /root/none\n',
    )
    await machine.out(['systemctl', 'daemon-reload'])
    const flags = ['service', 'install', '--take-over', '--name', 'third', '--dry-run', '--json']
    const refused = await daemon(flags)
    assert.equal(JSON.parse(refused.stdout).error.code, 'key_unreadable')
    const given = await daemon([...flags, '--key-file', MACHINE_KEY])
    assert.equal(given.code, 0, given.stdout)
  })
})
