import { toolText } from '../../../client/tool-fields.ts'
import { visibleLine } from '../../parts/visible.ts'
import type { ToolBlock } from '../block.ts'

export type ToolIcon =
  | 'terminal'
  | 'file'
  | 'pencil'
  | 'search'
  | 'globe'
  | 'list'
  | 'agent'
  | 'question'
  | 'plan'
  | 'tool'

const ICONS: Readonly<Record<string, ToolIcon>> = {
  Bash: 'terminal',
  BashOutput: 'terminal',
  KillShell: 'terminal',
  Read: 'file',
  NotebookRead: 'file',
  Edit: 'pencil',
  MultiEdit: 'pencil',
  Write: 'pencil',
  NotebookEdit: 'pencil',
  Grep: 'search',
  Glob: 'search',
  LS: 'search',
  ToolSearch: 'search',
  WebFetch: 'globe',
  WebSearch: 'globe',
  TodoWrite: 'list',
  Task: 'agent',
  Agent: 'agent',
  AskUserQuestion: 'question',
  ExitPlanMode: 'plan',
}

export const iconOf = (tool: string | undefined): ToolIcon =>
  tool !== undefined && Object.hasOwn(ICONS, tool) ? ICONS[tool]! : 'tool'

/** Returns a tool's name as people know it: MCP tools are named `mcp__SERVER__TOOL`. */
export function nameOf(tool: string | undefined): string {
  if (tool === undefined) return 'Tool'
  const [, server, name] = /^mcp__(.+?)__(.+)$/.exec(tool) ?? []
  return visibleLine(server === undefined ? tool : `${server}: ${name}`, 80)
}

/** Returns what a tool use is about, on one line. */
export function aboutOf({ input, tool }: Pick<ToolBlock, 'input' | 'tool'>): string {
  const description = textIn(input, 'description')
  if (iconOf(tool) === 'agent' && description !== undefined) return visibleLine(description)
  return iconOf(tool) === 'plan' ? '' : visibleLine(toolText(input))
}

export const textIn = (input: Readonly<Record<string, unknown>>, field: string): string | undefined => {
  const value = input[field]
  return typeof value === 'string' && value !== '' ? value : undefined
}

export interface Picture {
  media_type: string
  data: string
}

const PICTURE_TYPES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])

/** Returns the pictures in a tool's result. */
export function picturesIn(content: unknown): Picture[] {
  if (!Array.isArray(content)) return []
  return content.flatMap((block: unknown) => {
    if (typeof block !== 'object' || block === null || !('source' in block)) return []
    const { source } = block
    if (typeof source !== 'object' || source === null) return []
    const { media_type, data } = source as Record<string, unknown>
    return typeof media_type === 'string' && PICTURE_TYPES.has(media_type) && typeof data === 'string'
      ? [{ media_type, data }]
      : []
  })
}

const NUMBERED = /^ *(\d+)(?:→|\t)(.*)$/

/** Returns the lines of a file without the numbers that the runtime puts before them. */
export function withoutNumbers(text: string): string {
  const lines = text.trimEnd().split('\n')
  const found = lines.map((line) => NUMBERED.exec(line)?.[2])
  const end = found.indexOf(undefined)
  // Remarks of the runtime may follow the lines.
  const numbered = end === -1 ? found : found.slice(0, end)
  return numbered.length === 0 ? text : [...numbered, ...lines.slice(numbered.length)].join('\n')
}

export interface Todo {
  text: string
  status: 'pending' | 'in_progress' | 'completed'
}

export function todosIn({ todos }: Readonly<Record<string, unknown>>): Todo[] | undefined {
  if (!Array.isArray(todos)) return undefined
  return todos.slice(0, 500).flatMap((todo: unknown) => {
    if (typeof todo !== 'object' || todo === null) return []
    const { content, status } = todo as Record<string, unknown>
    if (typeof content !== 'string') return []
    return [
      { text: content, status: status === 'completed' || status === 'in_progress' ? status : 'pending' },
    ]
  })
}
