// Needs: unshare
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tempDir } from '../../support/temp.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))

/** Code that makes sixty ended agents, and a daemon's list of these agents. */
const PREAMBLE = `
  import { closeSync, openSync, readdirSync } from 'node:fs'
  import { identify } from '${repository}/src/platform/process-identity.ts'
  import { agentsIn, leftAgent } from '${repository}/test/support/agents.ts'

  const dir = process.argv[1]
  const spec = { runtime: 'claude', cwd: '/' }
  const names = Array.from({ length: 60 }, (_, n) => 'a' + n)
  for (const name of names) {
    const { started, exited } = leftAgent(dir, name)
    started()
    exited()
  }
  const damaged = []
  const agents = agentsIn(dir, { onDamaged: (path) => damaged.push(path) })
  const known = () => names.filter((name) => agents.find(name)?.hasEnded).length
  const all = []
  const useUp = () => { try { for (;;) all.push(openSync('/dev/null', 'r')) } catch {} }
  const giveBack = (most = all.length) => { for (const fd of all.splice(0, most)) closeSync(fd) }
  const start = (agent_id) => agents.start({ type: 'agent:start', agent_id, command_id: agent_id, spec }).then(() => 'started', ({ message }) => message)
`

/**
 * Runs `module` after a shell command that limits a resource.
 * @returns the module's output, parsed as JSON
 */
function behind(setup: string, dir: string, module: string, runner: string[] = []) {
  const argv = [process.execPath, '--input-type=module', '-e', `${PREAMBLE}\n${module}`, dir]
  const [file, ...args] = [...runner, '/bin/sh', '-c', `${setup}; exec "$@"`, 'sh', ...argv]
  return JSON.parse(execFileSync(file!, args, { encoding: 'utf8', timeout: 60_000 }))
}

const withDescriptors = (count: number, dir: string, module: string) =>
  behind(`ulimit -n ${count}`, dir, module)

// A user namespace has its own limits, so other processes can still use inotify.
const withoutInotify = (what: 'instances' | 'watches', dir: string, module: string) =>
  behind(`echo 0 >/proc/sys/user/max_inotify_${what}`, dir, module, ['unshare', '--user', '--map-root-user'])

test('a daemon that may open fewer files than it has agents takes over all its agents', (t) => {
  const told = withDescriptors(
    56,
    tempDir(t),
    `
    agents.adopt()
    console.log(JSON.stringify({ known: known(), damaged }))
    agents.close()`,
  )
  assert.deepEqual(told, { known: 60, damaged: [] })
})

test('a daemon without free file descriptors reports no agent as damaged and no process as ended', (t) => {
  const told = withDescriptors(
    64,
    tempDir(t),
    `
    useUp()
    giveBack(1)
    let refused
    try { agents.adopt() } catch (error) { refused = error.code + ': ' + error.message }
    useUp()
    let self
    try { self = identify(process.pid) === undefined ? 'gone' : 'there' } catch (error) { self = error.code }
    giveBack()
    console.log(JSON.stringify({ refused, damaged, self, left: readdirSync(dir).filter((name) => names.includes(name)).length }))
    agents.close()`,
  )
  assert.match(
    told.refused ?? 'not refused',
    /^(shortage: Cannot take over the agents: .*EMFILE|not refused)/,
  )
  assert.deepEqual(
    { damaged: told.damaged, self: told.self, left: told.left },
    { damaged: [], self: 'EMFILE', left: 60 },
  )
})

test('a start that is refused because of missing file descriptors leaves no files behind, and the agent’s id stays free', (t) => {
  const told = withDescriptors(
    64,
    tempDir(t),
    `
    agents.adopt()
    const answers = []
    for (let free = 0; free <= 24; free++) {
      useUp()
      giveBack(free)
      const answer = await start('n' + free)
      giveBack()
      answers.push({ answer, refused: answer !== 'started', left: readdirSync(dir).includes('n' + free), listed: agents.find('n' + free) !== undefined })
    }
    console.log(JSON.stringify(answers))
    agents.close()`,
  )
  for (const { refused, left, listed } of told) assert.deepEqual([left, listed], [!refused, !refused])
  const answers = told.map(({ answer }: { answer: string }) => answer)
  assert.ok(
    answers.some((answer: string) => answer.includes('may not open any more files (EMFILE)')),
    answers,
  )
  assert.ok(answers.includes('started'), answers)
})

for (const what of ['instances', 'watches'] as const)
  test(`a daemon can take over, start, and follow agents even if the system has no free inotify ${what}`, (t) => {
    const told = withoutInotify(
      what,
      tempDir(t),
      `
    agents.adopt()
    const answer = await start('late')
    // Only a check of its journal shows that the agent has ended.
    const until = Date.now() + 30_000
    while (!agents.get('late').hasEnded && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50))
    console.log(JSON.stringify({ known: known(), damaged, answer, ended: agents.get('late').hasEnded }))
    agents.close()`,
    )
    assert.deepEqual(told, { known: 60, damaged: [], answer: 'started', ended: true })
  })
