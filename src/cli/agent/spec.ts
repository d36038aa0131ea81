import { resolve } from 'node:path'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Content, StartRequest } from '../../protocol/index.ts'
import { readInput } from './prompt-content.ts'

export interface SpecFlags {
  cwd?: string
  runtime?: string
  title?: string
  model?: string
  fallbackModel?: string
  effort?: string
  permissionMode?: string
  systemPrompt?: string
  appendSystemPrompt?: string
  allowedTools?: string[]
  disallowedTools?: string[]
  mcpConfig?: string
  strictMcpConfig?: boolean
  addDir?: string[]
  worktree?: string | true
  env?: string[]
  resume?: string
  fork?: boolean
  maxTurns?: number
  maxBudgetUsd?: number
  memoryMaxMb?: number
  memoryHighMb?: number
  cpuWeight?: number
  tasksMax?: number
  restart?: 'never' | 'on-loss' | 'on-failure'
  resumeTurn?: boolean
  onLimit?: string
  lease?: string
}

type Spec = StartRequest['spec']

const usage = (message: string, remedy?: string) =>
  new UserError('usage', message, { ...(remedy !== undefined && { remedy }), exitCode: EXIT.usage })

const worktreeIn = (branch: SpecFlags['worktree']) =>
  branch === undefined ? undefined : branch === true ? {} : { branch }

/** Returns the spec of the agent that the flags of `agent start` describe. @throws UserError */
export function specFrom(flags: SpecFlags, prompt: Content | undefined): Spec {
  const { model, effort, title, runtime } = flags
  if (flags.fork && flags.resume === undefined)
    throw usage('--fork requires --resume with the session to copy.')
  const limits = defined({
    max_turns: flags.maxTurns,
    max_budget_usd: flags.maxBudgetUsd,
    memory_max_mb: flags.memoryMaxMb,
    memory_high_mb: flags.memoryHighMb,
    cpu_weight: flags.cpuWeight,
    tasks_max: flags.tasksMax,
  })
  return {
    cwd: resolve(flags.cwd ?? '.'),
    ...defined({
      runtime,
      title,
      model,
      effort,
      prompt,
      fallback_model: flags.fallbackModel,
      permission_mode: flags.permissionMode,
      system_prompt: systemPrompt(flags),
      allowed_tools: flags.allowedTools?.flatMap(splitTools),
      disallowed_tools: flags.disallowedTools?.flatMap(splitTools),
      mcp_servers: flags.mcpConfig === undefined ? undefined : mcpServers(flags.mcpConfig),
      mcp_strict: flags.strictMcpConfig,
      worktree: worktreeIn(flags.worktree),
      add_dirs: flags.addDir?.map((dir) => resolve(dir)),
      env: flags.env === undefined ? undefined : Object.fromEntries(flags.env.map(variable)),
      session: flags.resume === undefined ? undefined : { resume: flags.resume, fork: flags.fork ?? false },
      limits: Object.keys(limits).length > 0 ? limits : undefined,
      restart:
        flags.restart === undefined
          ? undefined
          : { policy: flags.restart, resume_turn: flags.resumeTurn ?? false },
      on_limit: flags.onLimit,
      lease: flags.lease === undefined ? undefined : lease(flags.lease),
    }),
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

const defined = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>

function systemPrompt({ systemPrompt, appendSystemPrompt }: SpecFlags): Spec['system_prompt'] {
  if (systemPrompt !== undefined && appendSystemPrompt !== undefined)
    throw usage('--system-prompt and --append-system-prompt exclude each other. Give one of them.')
  if (systemPrompt !== undefined) return { mode: 'replace', text: systemPrompt }
  return appendSystemPrompt === undefined ? undefined : { mode: 'append', text: appendSystemPrompt }
}

/** Splits `Read,Bash(git log *, git diff *)` at commas outside parentheses. */
export const splitTools = (list: string): string[] =>
  list
    .split(/,(?![^(]*\))/)
    .map((tool) => tool.trim())
    .filter((tool) => tool !== '')

/** Reads a file with MCP servers by name, with or without the key `mcpServers` around them. */
function mcpServers(path: string): Record<string, unknown> {
  let json: unknown
  try {
    json = JSON.parse(readInput(path, 'utf8'))
  } catch (error) {
    if (error instanceof UserError) throw error
    throw usage(`--mcp-config: ${path} is not JSON: ${(error as Error).message}`)
  }
  const servers = isRecord(json) && 'mcpServers' in json ? json.mcpServers : json
  if (isRecord(servers)) return servers
  throw usage(`--mcp-config: ${path} has no named servers.`, 'Write {"mcpServers": {"name": {…}}}.')
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Parses `NAME=VALUE`, or `NAME` alone, which takes the value from this environment. */
function variable(given: string): [string, string] {
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)(?:=([\s\S]*))?$/.exec(given) ?? []
  if (name === undefined) throw usage(`--env: "${given}" is not NAME=VALUE.`)
  const found = value ?? process.env[name]
  if (found === undefined)
    throw usage(`--env: ${name} is not set in this environment.`, `Give a value: --env ${name}=VALUE.`)
  return [name, found]
}

function lease(given: string): NonNullable<Spec['lease']> {
  const [, seconds, action] = /^(\d+):(keep|stop-when-idle|stop)$/.exec(given) ?? []
  if (seconds === undefined)
    throw usage(
      `--lease: "${given}" is not SECONDS:ACTION.`,
      'Example: 3600:stop-when-idle. The actions are keep, stop-when-idle, and stop.',
    )
  return { after_s: Number(seconds), action: action as 'keep' | 'stop-when-idle' | 'stop' }
}
