import type { Reveal } from '../../client/reveal-hidden.ts'
import type { Paragraph } from './layout.ts'

const PROMPT = '  $ '
const FURTHER = ' '.repeat(PROMPT.length)

/** Returns the command that a tool runs in a shell; undefined for other tools. */
export const shellCommandOf = ({ tool, input }: { tool: string; input: Record<string, unknown> }) =>
  tool === 'Bash' && typeof input.command === 'string' ? input.command : undefined

/** Returns all lines of a shell command. */
export const commandParagraphs = (command: string, reveal: Reveal): Paragraph[] =>
  reveal
    .text(command)
    .split('\n')
    .map((text, index) => ({ head: index === 0 ? PROMPT : FURTHER, text, signed: true }))
