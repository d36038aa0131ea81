import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ownEnvironment } from '../../../../src/agents/process/own-environment.ts'
import { claude } from '../../../../src/agents/runtimes/claude/index.ts'
import { standInGroup } from '../../../support/stand-in-group.ts'
import { tempDir } from '../../../support/temp.ts'

const script = fileURLToPath(new URL('../../../../src/agents/process/launch.sh', import.meta.url))

const TIME = '2026-01-01T00:00:00.000Z'

test('a launcher deletes the unfinished files of an earlier launcher, but not the unfinished files of the daemon', (t) => {
  const dir = tempDir(t)
  for (const name of ['in', 'fed']) mkdirSync(join(dir, name))
  for (const name of ['process.tmp', 'exit.tmp', `000000000001_prompt_x.${process.pid}.tmp`])
    writeFileSync(join(dir, name), 'half')
  writeFileSync(join(dir, 'env.sh'), '')
  execFileSync('/bin/sh', [
    script,
    dir,
    '2',
    TIME,
    'boot',
    '0',
    'keep',
    'state',
    'idle',
    'tasks',
    'none',
    '',
    '',
    'sh',
    '-c',
    'exit 3',
  ])
  assert.equal(readFileSync(join(dir, `000000000001_prompt_x.${process.pid}.tmp`), 'utf8'), 'half')
  assert.deepEqual(JSON.parse(readFileSync(join(dir, 'exit.json'), 'utf8')), { version: 1, run: 2, code: 3 })
})

test('a run is executed once, even if an earlier version has claimed it with a folder', (t) => {
  const dir = tempDir(t)
  for (const name of ['in', 'fed', 'run.2']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'env.sh'), '')
  for (const run of ['1', '1', '2'])
    execFileSync('/bin/sh', [
      script,
      dir,
      run,
      TIME,
      'boot',
      '0',
      'keep',
      'state',
      'idle',
      'tasks',
      'none',
      '',
      '',
      'sh',
      '-c',
      'echo said',
    ])
  assert.deepEqual(readFileSync(join(dir, 'activity.jsonl'), 'utf8').match(/^said$/gm), ['said'])
})

test('the first input of a run reaches the agent unchanged, before all other input', (t) => {
  const dir = tempDir(t)
  for (const name of ['in', 'fed']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'env.sh'), '')
  const lines = [String.raw`  {"first":"\\n \" ä %s $HOME"}  `, '{"second":1}']
  writeFileSync(join(dir, 'in/000000000000_control_a'), `${lines[0]}\n`)
  writeFileSync(join(dir, 'in/000000000001_prompt_b'), `${lines[1]}\n`)
  const argv = [script, dir, '1', TIME, 'boot', '0', 'keep', 'state', 'idle', 'tasks', 'none', '', '']
  execFileSync('/bin/sh', [...argv, 'sh', '-c', 'head -n 2 >"$0"', join(dir, 'got')])
  assert.equal(readFileSync(join(dir, 'got'), 'utf8'), `${lines.join('\n')}\n`)
  assert.deepEqual(
    [readdirSync(join(dir, 'in')), readdirSync(join(dir, 'fed'))],
    [[], ['000000000001_prompt_b']],
  )
})

test('if memory runs out, the kernel ends an agent before its launcher and the daemon', (t) => {
  const dir = tempDir(t)
  for (const name of ['in', 'fed']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'env.sh'), '')
  const argv = [script, dir, '1', TIME, 'boot', '0', 'keep', 'state', 'idle', 'tasks', 'none', '', '']
  const scores = 'cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj'
  execFileSync('/bin/sh', [...argv, 'sh', '-c', `${scores} && exit 0`])
  const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))
  const journal = readFileSync(join(dir, 'activity.jsonl'), 'utf8')
  assert.deepEqual(journal.match(/^-?\d+$/gm)?.map(Number), [Math.max(300, own), own])
})

test('the agent enters its control group, and its launcher stays outside', (t) => {
  const dir = tempDir(t)
  for (const name of ['in', 'fed']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'env.sh'), '')
  const { folder, read } = standInGroup(join(dir, 'group'))
  const run = (number: number, group: string, limited: string) => {
    const argv = [
      script,
      dir,
      `${number}`,
      TIME,
      'boot',
      '0',
      'keep',
      'state',
      'idle',
      'tasks',
      'none',
      group,
      limited,
    ]
    execFileSync('/bin/sh', [...argv, 'sh', '-c', 'exit 3'])
    return JSON.parse(readFileSync(join(dir, 'exit.json'), 'utf8')).code
  }
  assert.equal(run(1, folder, 'limited'), 3)
  // The kernel takes 0 as the pid of the writing process. This process then becomes the agent.
  assert.equal(read('cgroup.procs'), '0\n')
  const missing = join(dir, 'missing')
  assert.equal(run(2, missing, ''), 3)
  // An agent that must have limits does not run without them.
  assert.equal(run(3, missing, 'limited'), 126)
  assert.equal(run(4, '', 'limited'), 126)
  assert.match(readFileSync(join(dir, 'stderr.log'), 'utf8'), /cannot enter the control group/)
})

test('an agent’s own environment variables never affect its launcher', (t) => {
  const dir = tempDir(t)
  for (const name of ['in', 'fed']) mkdirSync(join(dir, name))
  const own = {
    PATH: '',
    LD_PRELOAD: '/nowhere/lib.so',
    ENV: '/nowhere/env',
    BASH_ENV: '/nowhere/env',
    NODE_OPTIONS: '--nonsense',
    IFS: '/',
    d: '/nowhere',
    run: '9',
    // Variables of the shell itself. Their values must not make the shell exit.
    PPID: '1',
    UID: '1',
    OPTIND: 'x',
    QUOTES: `it's "quoted" $(false) \`false\` \\ and\n two lines`,
  }
  writeFileSync(join(dir, 'env.sh'), ownEnvironment({ ...own, TAKEN: undefined }))
  const argv = [
    script,
    dir,
    '1',
    TIME,
    'boot',
    '0',
    'keep',
    'state',
    'idle',
    'tasks',
    'none',
    '',
    '',
    '/usr/bin/env',
    '-0',
  ]
  execFileSync('/bin/sh', argv, { env: { PATH: process.env.PATH, TAKEN: 'yes' } })
  assert.deepEqual(JSON.parse(readFileSync(join(dir, 'exit.json'), 'utf8')), { version: 1, run: 1, code: 0 })
  const journal = readFileSync(join(dir, 'activity.jsonl'), 'utf8')
  const shown = Object.fromEntries(
    journal
      .split('\0')
      .map((line) => [line.replace(/=.*$/s, '').replace(/^.*\n/s, ''), line.replace(/^.*?=/s, '')]),
  )
  for (const name of ['PATH', 'LD_PRELOAD', 'ENV', 'BASH_ENV', 'NODE_OPTIONS', 'd', 'run', 'QUOTES'] as const)
    assert.equal(shown[name], own[name], name)
  assert.ok(!('TAKEN' in shown))
})

test('a lease never treats an agent with a background task as idle', async (t) => {
  const dir = tempDir(t)
  for (const name of ['in', 'fed']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'env.sh'), '')
  const tasks = (list: string) =>
    `echo '{"type":"system","subtype":"background_tasks_changed","tasks":${list}}'`
  const program = [
    tasks('[{"task_id":"t"}]'),
    'head -c 2000000 /dev/zero | tr "\\0" x; echo',
    `echo '{"type":"system","subtype":"session_state_changed","state":"idle"}'`,
    // The launcher checks the lease every 5 seconds.
    'sleep 7',
    tasks('[]'),
    'exec sleep 60',
  ].join('\n')
  const { idle } = claude
  const patterns = [idle.state, idle.idle, idle.tasks, idle.noTasks]
  const argv = [
    script,
    dir,
    '1',
    TIME,
    'boot',
    '1',
    'stop-when-idle',
    ...patterns,
    '',
    '',
    'sh',
    '-c',
    program,
  ]
  await promisify(execFile)('/bin/sh', argv, { timeout: 60_000 })
  assert.equal(JSON.parse(readFileSync(join(dir, 'exit.json'), 'utf8')).reason, 'lease')
  assert.match(readFileSync(join(dir, 'activity.jsonl'), 'utf8'), /"tasks":\[\]/)
})
