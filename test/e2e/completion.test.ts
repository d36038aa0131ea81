// Needs: fish, tmux, zsh
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { ScriptedHub } from '../support/scripted-hub.ts'
import { RUN, Stage } from '../support/stage.ts'
import { Terminal } from '../support/terminal.ts'

const run = promisify(execFile)

/** Sets up a machine with the program on PATH, and a hub that knows the agent a-1. */
async function desk(t: TestContext) {
  const hub = await ScriptedHub.open(t)
  const stage = await Stage.open(t)
  const bin = join(stage.dir, 'bin')
  mkdirSync(bin)
  const program = join(bin, 'fomular-daemon')
  writeFileSync(program, `#!/bin/sh\nexec ${RUN.map((part) => `'${part}'`).join(' ')} "$@"\n`)
  chmodSync(program, 0o755)
  writeFileSync(join(stage.cwd, 'secret.key'), '')
  mkdirSync(join(stage.cwd, 'project'))
  Object.assign(stage.env, {
    PATH: `${bin}:${stage.env.PATH}`,
    FOMULAR_HUB_URL: hub.url,
    FOMULAR_HUB_KEY: 'key',
  })
  const { stdout: bash } = await run(program, ['completion', 'bash'])
  const { stdout: zsh } = await run(program, ['completion', 'zsh'])
  const { stdout: fish } = await run(program, ['completion', 'fish'])
  return { hub, stage, scripts: { bash, zsh, fish } }
}

/** Typed text, and the command line after Tab is pressed. */
const COMPLETED = [
  ['fomular-daemon ag', 'fomular-daemon agent '],
  ['fomular-daemon agent sta', 'fomular-daemon agent start '],
  ['fomular-daemon agent start --eff', 'fomular-daemon agent start --effort '],
  ['fomular-daemon agent start --effort xh', 'fomular-daemon agent start --effort xhigh '],
  ['fomular-daemon agent start --effort=xh', 'fomular-daemon agent start --effort=xhigh '],
  ['fomular-daemon agent watch a', 'fomular-daemon agent watch a-1 '],
  ['fomular-daemon --key-file sec', 'fomular-daemon --key-file secret.key '],
  ['fomular-daemon agent start --cwd pro', 'fomular-daemon agent start --cwd project/'],
  ['fomular-daemon agent watch "$(touch ran)" --fr', 'fomular-daemon agent watch "$(touch ran)" --from '],
] as const

/** Types each text at the shell's prompt, and presses Tab. */
async function completes(terminal: Terminal) {
  for (const [typed, completed] of COMPLETED) {
    await terminal.enter(typed)
    await terminal.press('Tab')
    const literally = completed.trimEnd().replace(/[$()\\[\]]/g, '\\$&')
    await terminal.shows(new RegExp(`at> ${literally}$`))
    await terminal.press('C-u')
    await terminal.shows(/at> $/)
  }
}

test('bash completes commands, flags, values, files, and agents at Tab', async (t) => {
  const { stage, scripts } = await desk(t)
  writeFileSync(join(stage.dir, 'completion.bash'), scripts.bash)
  const terminal = await Terminal.open(t, stage)
  await terminal.type(`. '${stage.dir}/completion.bash'; PS1='at> '; clear`)
  await terminal.shows(/^at> $/)
  await completes(terminal)
  assert.equal(existsSync(join(stage.cwd, 'ran')), false)
})

test('zsh completes commands, flags, values, files, and agents with a script on its fpath', async (t) => {
  const { stage, scripts } = await desk(t)
  mkdirSync(join(stage.dir, 'functions'))
  writeFileSync(join(stage.dir, 'functions/_fomular-daemon'), scripts.zsh)
  const terminal = await Terminal.open(t, stage)
  const setUp = `fpath=('${stage.dir}/functions' $fpath); autoload -Uz compinit; compinit -u -D; unsetopt prompt_sp; PS1='at> '; clear`
  await terminal.type('exec zsh -f')
  await terminal.shows(/\n.*[%#]$/)
  await terminal.type(setUp)
  await terminal.shows(/^\s*at> $/)
  await completes(terminal)
  assert.equal(existsSync(join(stage.cwd, 'ran')), false)
})

test('fish completes commands, flags, values, files, and agents, with descriptions', async (t) => {
  const { stage, scripts } = await desk(t)
  const file = join(stage.dir, 'completion.fish')
  writeFileSync(file, scripts.fish)
  const complete = async (line: string) => {
    const script = 'source $argv[1]; complete -C $argv[2]'
    const { stdout } = await run('fish', ['--no-config', '-c', script, file, line], {
      cwd: stage.cwd,
      env: stage.env,
    })
    return stdout.trimEnd().split('\n')
  }
  for (const [typed, completed] of COMPLETED) {
    const found = (await complete(typed)).map((line) => line.split('\t')[0])
    assert.deepEqual(found, [completed.trimEnd().split(' ').at(-1)], typed)
  }
  assert.deepEqual(await complete('fomular-daemon agent sto'), ['stop\tstop an agent'])
  assert.equal(existsSync(join(stage.cwd, 'ran')), false)
})

test('completion neither hangs nor prints anything if the hub is missing or silent', async (t) => {
  const { stage } = await desk(t)
  const complete = (url: string) =>
    run(RUN[0], [...RUN.slice(1), 'complete', '--', 'agent', 'watch', ''], {
      env: { ...stage.env, FOMULAR_HUB_URL: url },
    })
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.after(() => silent.close())
  const { port } = silent.address() as AddressInfo
  for (const url of [`http://127.0.0.1:${port}`, 'http://127.0.0.1:1', 'nonsense'])
    assert.deepEqual(await complete(url), { stdout: '', stderr: '' })
})
