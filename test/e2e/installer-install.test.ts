// Needs: busybox, curl, fish, ksh93, script, shellcheck, zsh
import assert from 'node:assert/strict'
import { copyFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { type Box, box, INSTALLER, script, versionOf, whereIs } from '../support/installer.ts'
import { ReleaseServer } from '../support/release-server.ts'

const NODE = process.execPath

test('shellcheck finds no fault in the installer', async () => {
  const { stdout } = await execa('shellcheck', ['--shell=sh', '--severity=style', INSTALLER], {
    reject: false,
  })
  assert.equal(stdout, '')
})

test('a truncated script does nothing, wherever it is cut', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  const lines = script.split('\n').length - 1
  // Cuts the script after each line, and after each character of the last line.
  const cuts = `
    part() { dash -s -- --prefix "$HOME/.fomular" && echo "$1 succeeds"; }
    # The fourth line makes a cut script fail, so the cuts begin after it.
    count=4
    while [ $count -lt ${lines} ]; do head -n $count "$0" | part $count; count=$((count + 1)); done
    for left in ${[...script.trimEnd().split('\n').at(-1)!].map((_, index) => index + 2).join(' ')}; do
      head -c -$left "$0" | part -$left
    done`
  const env = { ...machine.env, PATH: `${machine.bin}:/usr/bin:/bin` }
  const ran = await execa('sh', ['-c', cuts, INSTALLER], { env, extendEnv: false, reject: false })
  assert.equal(ran.stdout, '')
  assert.deepEqual(server.requests, [])
  const whole = await execa('sh', ['-c', 'dash -s -- --dry-run < "$0"', INSTALLER], { env, extendEnv: false })
  assert.match(whole.stdout, /Would download/)
  assert.deepEqual(machine.files(), [])
})

test('every kind of shell reads the PATH line, both in a new terminal window and after a login', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  for (const [shell, starts, files] of [
    ['bash', [['bash'], ['bash', '-l']], []],
    // A login shell reads only the first of these files.
    ['bash', [['bash'], ['bash', '-l']], ['.bash_login', '.profile']],
    ['bash', [['bash'], ['bash', '-l']], ['.bash_profile', '.bash_login']],
    ['zsh', [['zsh'], ['zsh', '-l']], []],
    ['fish', [['fish'], ['fish', '-l']], []],
    ['ksh93', [['ksh93'], ['ksh93', '-l']], []],
    ['dash', [['dash', '-l']], []],
  ] as [string, string[][], string[]][]) {
    const machine = box(t, server)
    for (const file of files) writeFileSync(join(machine.home, file), '')
    const env = { HOME: machine.home, PATH: '/usr/bin:/bin', SHELL: `/usr/bin/${shell}`, TERM: 'dumb' }
    const { out } = await machine.run([], { env: { SHELL: env.SHELL } })
    const line = /^ {2}(.*PATH.*|fish_add_path.*)$/m.exec(out)?.[1] ?? out
    const here = await execa(shell, ['-c', `${line}\ncommand -v fomular-daemon`], { env, extendEnv: false })
    assert.match(here.stdout, /fomular\/bin\/fomular-daemon$/, line)
    for (const start of starts) {
      // Runs the shell in a separate terminal, like a new window.
      const command = `${start.join(' ')} -i -c "command -v fomular-daemon"`
      const { stdout } = await execa('script', ['-qec', command, '/dev/null'], {
        env,
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      })
      assert.match(stdout, /\.fomular\/bin\/fomular-daemon/, `${start.join(' ')}: ${line}: ${stdout}`)
    }
  }
})

test('on a system where the executable cannot run, the program uses the installed Node', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const fake = (machine: Box, name: string, text: string) => {
    rmSync(join(machine.bin, name), { force: true })
    writeFileSync(join(machine.bin, name), `#!${whereIs('sh')}\n${text}\n`, { mode: 0o755 })
  }
  const musl = (machine: Box) => {
    fake(machine, 'getconf', '[ "$1" = LONG_BIT ] && echo 64 || exit 1')
    fake(machine, 'ldd', 'echo "musl libc (x86_64)" >&2; exit 1')
  }
  const without = box(t, server)
  musl(without)
  assert.match((await without.run()).err, /musl.*\n.*apk add nodejs/)
  assert.deepEqual(without.files(), [])

  for (const how of [
    musl,
    (machine: Box) => fake(machine, 'getconf', '[ "$1" = LONG_BIT ] && echo 64 || echo glibc 2.27'),
  ]) {
    const machine = box(t, server)
    how(machine)
    copyFileSync(NODE, join(machine.bin, 'node'))
    const { code, out, err } = await machine.run()
    assert.equal(code, 0, err)
    assert.match(out, /Node [\d.]+ will run the program/)
    assert.equal(readlinkSync(join(machine.prefix, 'bin/fomular-daemon')), '../current/dist/index.js')
    assert.equal(await versionOf(machine), '1.0.0')
    assert.match((await machine.run()).out, /is already installed/)
  }

  const broken = box(t, server)
  musl(broken)
  copyFileSync(NODE, join(broken.bin, 'node'))
  assert.match(
    (await broken.run([], { env: { BROKEN: '1' } })).err,
    /does not run here\. Its output: no crypto/,
  )
  assert.deepEqual(broken.files(), [])

  const old = box(t, server)
  musl(old)
  fake(old, 'node', 'echo 18.18.2')
  assert.match((await old.run()).err, /Install Node 18\.19 or newer/)
})

test('on a system for which no executable exists, the installer gives a remedy', async (t) => {
  const cases: [string, RegExp][] = [
    ['[ "$1" = -s ] && echo MINGW64_NT-10.0 || echo x86_64', /runs in WSL.*\n.*wsl --install/],
    ['[ "$1" = -s ] && echo FreeBSD || echo x86_64', /no executable for FreeBSD.*\n.*npm install -g/],
    ['[ "$1" = -s ] && echo Linux || echo riscv64', /no executable for riscv64.*\n.*npm install -g/],
  ]
  const server = await ReleaseServer.open(t)
  for (const [uname, error] of cases) {
    const machine = box(t, server)
    rmSync(join(machine.bin, 'uname'))
    writeFileSync(join(machine.bin, 'uname'), `#!${whereIs('sh')}\n${uname}\n`, { mode: 0o755 })
    assert.match((await machine.run()).err, error)
    assert.deepEqual(server.requests, [])
  }
})

test('another fomular-daemon earlier on PATH causes a warning', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  writeFileSync(join(machine.bin, 'fomular-daemon'), '', { mode: 0o755 })
  const { err } = await machine.run([], { env: { PATH: `${machine.bin}:${machine.prefix}/bin` } })
  assert.match(err, /runs another program/)
})
