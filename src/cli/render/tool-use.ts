import { Reveal } from '../../client/reveal-hidden.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { layOut } from './layout.ts'
import { commandParagraphs, shellCommandOf } from './shell-line.ts'
import { toolSummary } from './tool.ts'
import { textWidth } from './width.ts'

/** Maximum number of rows to show of a shell command. */
const COMMAND_ROWS = 10

interface ToolUse {
  tool: string
  input: Record<string, unknown>
}

/**
 * Returns the line for a tool use, and the lines of a shell command.
 * @param width width of the terminal in columns, if stdout is a terminal
 */
export function toolUseText({ tool, input }: ToolUse, { cyan, bold, dim }: Colors, width?: number): string {
  const name = cyan(`• ${bold(cleanLine(tool, 100))}`)
  const command = width === undefined ? undefined : shellCommandOf({ tool, input })
  if (width === undefined || command === undefined) return `${name} ${toolSummary(input)}`.trimEnd()
  const line = `$ ${new Reveal().line(command.trim())}`
  if (!command.trim().includes('\n') && textWidth(`• ${tool} ${line}`) <= width) return `${name} ${line}`
  const rows = layOut(commandParagraphs(command, new Reveal()), width)
  const shown = rows.length <= COMMAND_ROWS ? rows : rows.slice(0, COMMAND_ROWS - 1)
  const left = rows.length - shown.length
  return [name, ...shown, ...(left === 0 ? [] : [dim(`    … ${left} more rows`)])].join('\n')
}
