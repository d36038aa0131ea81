import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { delegatedGroup } from '../../src/service/delegated-group.ts'
import { tempDir } from '../support/temp.ts'
import { WITHOUT_GROUPS } from '../support/without-groups.ts'
import type { Benchmark } from './benchmark.ts'
import type { Figure } from './figure.ts'
import { interleaved, median, monotonic } from './measure.ts'
import { Rig } from './rig.ts'

const AGENT = fileURLToPath(new URL('programs/agent.sh', import.meta.url))
/** The redirections of an agent: input from a FIFO that never ends, and output appended to a file. */
const REDIRECTED = 'mkfifo in && exec 3<>in && printf "%s\\n" "$1" >&3 && exec "$0" <&3 >>out 2>>errors'
const INITIALIZE = '{"type":"control_request","request_id":"1","request":{"subtype":"initialize"}}'

/**
 * Time from the server's command until the agent has answered its initialization. The floor is the same agent,
 * started by `sh -c` with the same redirections, until its answer is in the file. If this machine permits control
 * groups, a second daemon that sees none shows their share of the time.
 */
export const agentStart: Benchmark = {
  name: 'agent-start',
  about:
    "time of an agent's start through daemon and launcher, compared with sh -c and the same redirections",
  async run(t, { quick }) {
    const rig = await Rig.open(t)
    await rig.daemon()
    const ungrouped = (await delegatedGroup(process.env)) && (await Rig.open(t))
    await ungrouped?.daemon(WITHOUT_GROUPS)
    const dir = tempDir(t)
    let count = 0
    const took = await interleaved(quick ? 3 : 41, {
      daemon: () => rig.start(`a-${count++}`),
      ungrouped: async () => ungrouped?.start(`a-${count}`) ?? Number.NaN,
      floor: () => bare(join(dir, String(count))),
    })
    const figure = (name: string, times: number[]): Figure => ({
      name,
      value: median(times),
      unit: 'ms',
      floor: { value: median(took.floor), of: 'sh -c with the same redirections' },
      goal: { at: 'most', limit: 2 },
    })
    return [
      figure('start of an agent', took.daemon),
      ...(ungrouped ? [figure('start of an agent without a control group', took.ungrouped)] : []),
    ]
  },
}

/** Starts the agent in a new folder, and ends it after its first answer. */
async function bare(cwd: string): Promise<number> {
  mkdirSync(cwd)
  const out = join(cwd, 'out')
  closeSync(openSync(out, 'a'))
  const watcher = watch(out)
  const began = monotonic()
  const child = spawn('/bin/sh', ['-c', REDIRECTED, AGENT, INITIALIZE], {
    cwd,
    detached: true,
    stdio: 'ignore',
  })
  while (statSync(out).size === 0) await once(watcher, 'change')
  const took = monotonic() - began
  watcher.close()
  child.kill('SIGKILL')
  await once(child, 'exit')
  return took
}
