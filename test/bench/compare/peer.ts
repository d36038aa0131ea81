import type { Item } from '../../support/messages-script.ts'
import type { Stage } from '../../support/stage.ts'
import { until } from '../../support/wait.ts'
import { monotonic } from '../measure.ts'

/** A running server of a peer. */
export interface Server {
  /** Time from the start of the process until the server was ready, in ms. */
  readyMs: number
  /** Creates an agent without a prompt. @returns the agent's id */
  create(): Promise<string>
  prompt(agent: string, text: string): Promise<unknown>
  /** Returns the server's record of the agent's conversation. */
  conversation(agent: string): Promise<unknown>
}

export interface Peer {
  name: string
  version: string
  /** True if each agent is a process of Claude Code. False if agents run in the server's process. */
  startsClaude: boolean
  /** Installs the peer on first use. @returns the path of its program */
  install(): Promise<string>
  /** Starts the server, which continues with the data of earlier servers in this stage. */
  start(stage: Stage, program: string): Promise<Server>
  /** Returns the model's call of the tool that runs a shell command. */
  shell(command: string): Item
}

interface Launch {
  args: string[]
  env?: Record<string, string>
  /** Program and arguments that come before `args`. */
  command: string[]
  isReady(): Promise<boolean>
}

/** Starts a server, and waits until it is ready. @returns the time that the start took, in ms */
export async function launch(stage: Stage, { args, env, command, isReady }: Launch): Promise<number> {
  const started = monotonic()
  const process = stage.run(args, env, command)
  let ended: number | string | undefined
  void process.ended.then((code) => {
    ended = code
  })
  const ready = () => {
    if (ended !== undefined) throw new Error(`${args[0]} ended with ${ended}: ${process.log()}`)
    return isReady()
  }
  await until(ready, { what: 'the server', seen: process.log })
  return monotonic() - started
}

/** Reports whether a request succeeds. A server that has just started may never answer its first request. */
export const succeeds = (url: string): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(1000) }).then(
    ({ ok }) => ok,
    () => false,
  )

/** Sends a request: POST if there is a body, otherwise GET. @returns the JSON in the answer */
// biome-ignore lint/suspicious/noExplicitAny: the peers' answers have no types
export async function request(url: string, body?: object, token?: string): Promise<any> {
  const response = await fetch(url, {
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${new URL(url).pathname} answered ${response.status}: ${text}`)
  return text && JSON.parse(text)
}
