import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { Agent } from '../../../src/agents/agent.ts'
import { checkCwd } from '../../../src/agents/checks.ts'
import { CommandFailure } from '../../../src/agents/command-failure.ts'
import { agentFolder } from '../../../src/agents/disk/folder.ts'
import type { Snapshot } from '../../../src/agents/disk/records.ts'
import { explainEnd } from '../../../src/agents/disk/stderr-tail.ts'
import { keepProgram, releaseProgram } from '../../../src/agents/process/kept-program.ts'
import { claude } from '../../../src/agents/runtimes/claude/index.ts'
import { emptySnapshot } from '../../../src/agents/state/reduce.ts'
import { Admission } from '../../../src/daemon/admission.ts'
import type { Health } from '../../../src/daemon/health.ts'
import type { Runtime } from '../../../src/protocol/index.ts'
import { tempDir } from '../../support/temp.ts'

const refusal = (act: () => void) => {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof CommandFailure)
    return error.error
  }
  throw new Error('not refused')
}

test('the errors of a start and of a resume in a missing folder have different remedies', (t) => {
  const dir = tempDir(t)
  const gone = join(dir, 'gone')
  assert.match(refusal(() => checkCwd(gone)).remedy ?? '', /or use another folder/)
  const resume = refusal(() => checkCwd(gone, { again: true }))
  assert.deepEqual([resume.code, resume.path], ['cwd_missing', undefined])
  assert.match(resume.remedy ?? '', /Create it again, or start an agent in another folder/)
  const file = join(dir, 'file')
  writeFileSync(file, '')
  for (const again of [false, true]) assert.ok(refusal(() => checkCwd(file, { again })).remedy)
})

/** Returns the snapshot of an ended agent that wrote this to stderr, with the explanation of its end. */
function told(t: Parameters<typeof tempDir>[0], stderr: string, snapshot: Partial<Snapshot>) {
  const folder = agentFolder(tempDir(t))
  writeFileSync(folder.stderr, stderr)
  const agent = { folder, runtime: claude, run: { program: '/opt/claude' } } as unknown as Agent
  const whole = { ...emptySnapshot('0'), ...snapshot }
  explainEnd(whole, agent)
  return whole
}

test('the error about running as root names this program’s permission mode and a remedy', (t) => {
  const words =
    '--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons\n'
  const { failure } = told(t, words, { state: 'failed', exit: { reason: 'crashed', code: 1 } })
  assert.match(failure?.message ?? '', /bypassPermissions as root/)
  assert.doesNotMatch(`${failure?.message} ${failure?.remedy}`, /dangerously/)
  assert.match(failure?.remedy ?? '', /another permission mode/)
  assert.match(
    claude.explain(
      'Cannot set permission mode to bypassPermissions because the session was not launched with --dangerously-skip-permissions',
    )?.remedy ?? '',
    /Start an agent with/,
  )
  assert.equal(claude.explain('Some other trouble'), undefined)
  assert.match(claude.explain('Invalid proxy URL in HTTPS_PROXY: x')?.remedy ?? '', /complete URL/)
})

test('an exit with code 127 is reported with the program’s own message, or with an explanation', (t) => {
  const exit = { reason: 'crashed' as const, code: 127 }
  const words = "env: 'node': No such file or directory\n"
  assert.match(told(t, words, { state: 'failed', exit }).failure?.message ?? '', /'node': No such file/)
  assert.match(
    told(t, '', { state: 'failed', exit }).failure?.message ?? '',
    /Cannot run \/opt\/claude .*127/,
  )
  assert.equal(told(t, words, { state: 'exited', exit }).exit?.detail, `Its last output: ${words.trim()}`)
  assert.equal(told(t, '', { state: 'exited', exit }).exit?.detail, undefined)
  const stopped = { reason: 'stopped' as const, code: 1 }
  assert.equal(told(t, words, { state: 'exited', exit: stopped }).exit?.detail, undefined)
})

test('a removed program is searched for again, and the error about its absence has a remedy', async (t) => {
  const path = join(tempDir(t), 'claude')
  writeFileSync(path, '')
  const found: Runtime = { name: 'claude', found: true, path, version: '2.1.330' }
  const removed: Runtime = { name: 'claude', found: false, problem: 'Not on this machine. Install it with …' }
  let now = found
  let known = found
  const health = {
    runtime: () => known,
    probe: async () => {
      known = now
    },
  } as unknown as Health
  const admission = new Admission(health)
  assert.equal(await admission.program('claude'), path)
  rmSync(path)
  now = removed
  await assert.rejects(admission.program('claude'), /Not on this machine\. Install it with/)
  now = found
  await assert.rejects(admission.program('claude'), /no longer exists at .*claude\. Install it again/)
})

test('an agent’s program is kept until the agent has ended, even if an update deletes that version', (t) => {
  const home = tempDir(t)
  const version = join(home, '.local/share/claude/versions/2.1.332')
  const program = join(home, 'bin/claude')
  for (const path of [version, program]) mkdirSync(dirname(path), { recursive: true })
  writeFileSync(version, 'the program')
  symlinkSync(version, program)
  const folder = agentFolder(join(home, 'agent'))
  mkdirSync(folder.dir)
  const agent = { folder, runtime: claude, run: { run: 1, program } } as unknown as Agent
  const kept = keepProgram(agent)
  assert.equal(dirname(kept), folder.dir)
  // The agent is launched again after a crash of the daemon, when the version is already deleted.
  mkdirSync(folder.claim(1))
  rmSync(version)
  assert.equal(readFileSync(kept, 'utf8'), 'the program')
  assert.equal(keepProgram(agent), kept)
  releaseProgram(agent)
  assert.ok(!existsSync(kept))
})

test('a program that needs the files next to it is not copied', (t) => {
  const home = tempDir(t)
  const program = join(home, 'lib/node_modules/@anthropic-ai/claude-code/cli.js')
  mkdirSync(dirname(program), { recursive: true })
  writeFileSync(program, '')
  const agent = { folder: agentFolder(home), runtime: claude, run: { run: 1, program } } as unknown as Agent
  assert.equal(keepProgram(agent), program)
  assert.equal(keepProgram({ ...agent, run: { run: 1, program: '/nonexistent' } } as Agent), '/nonexistent')
})
