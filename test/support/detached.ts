import { commandLines } from '../../src/platform/process-list.ts'
import type { Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

/**
 * Ways to detach a program from its parents, session, and environment. The program's arguments contain the
 * number, so that the test finds its process.
 */
const WAYS: ((number: string) => string)[] = [
  (n) => `(setsid env -i sleep ${n} &)`,
  (n) => `(setsid sh -c "env -i setsid sleep ${n} &" &)`,
  (n) => `(env -i setsid sh -c 'trap "" TERM HUP INT; while :; do sleep ${n}; done' &)`,
  (n) => `(env -i setsid sh -c 'kill -STOP $$; exec sleep ${n}' &)`,
]

/**
 * Makes an agent start a program in each of these ways. The programs are killed after the test.
 * @returns a function that returns the ids of their running processes
 */
export async function detached(t: Cleanup, stage: Stage, agent: string): Promise<() => number[]> {
  const numbers = WAYS.map((_, i) => `${process.pid}${1000 + i}`)
  const shown = () => commandLines().map(({ pid, argv }) => ({ pid, line: argv.join(' ') }))
  const pids = () =>
    shown().flatMap(({ pid, line }) => (numbers.some((number) => line.includes(number)) ? [pid] : []))
  t.after(() => {
    for (const pid of pids()) process.kill(pid, 'SIGKILL')
  })
  const lines = WAYS.map((way, i) => way(numbers[i]!))
  await stage.command(agent, 'prompt', { content: `run ${lines.join(' ; ')} ; sleep 1` })
  const areThere = () => {
    const found = shown()
    const isOver = !found.some(({ line }) => numbers.every((number) => line.includes(number)))
    return isOver && numbers.every((number) => found.some(({ line }) => line.includes(number)))
  }
  await until(areThere, { what: 'processes on their own' })
  return pids
}
