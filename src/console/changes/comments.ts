import { signal } from '@preact/signals'

/** The version with which changes are compared. */
export type Since = 'start' | 'head'

/** A person's comment on a line of a change. */
export interface Comment {
  /** Path of the file, as the agent knows it. */
  path: string
  line: number
  /** True if the line was removed, so that its number counts lines of the old file. */
  isOld: boolean
  /** The version of the old file: at the start of the agent, or of the last commit. */
  since: Since
  /** The line. */
  quote: string
  text: string
}

/** Maximum length of a quoted line in a prompt, in characters. */
const QUOTE_CHARS = 500

/** Comments that were not sent yet, by `agentKey`. They last as long as the page of the console. */
export const comments = signal<ReadonlyMap<string, readonly Comment[]>>(new Map())

type Line = Pick<Comment, 'path' | 'line' | 'isOld' | 'since'>

/** Reports whether two lines are the same. A line of the new file is the same in all comparisons. */
export const isSameLine = (a: Line, b: Line) =>
  a.path === b.path && a.line === b.line && a.isOld === b.isOld && (!a.isOld || a.since === b.since)

/** Adds a comment, or replaces the comment on the same line. A comment without text is removed. */
export function keepComment(agent: string, comment: Comment) {
  const others = (comments.value.get(agent) ?? []).filter((each) => !isSameLine(each, comment))
  const all = comment.text.trim() === '' ? others : [...others, comment]
  comments.value = new Map([...comments.value, [agent, all]])
}

export function dropComments(agent: string) {
  comments.value = new Map([...comments.value].filter(([key]) => key !== agent))
}

/** Returns the prompt that sends comments to an agent, in the order of the files and lines. */
export function promptOf(all: readonly Comment[]): string {
  const ordered = [...all].sort((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1))
  const parts = ordered.map(({ path, line, isOld, since, quote, text }) => {
    const old = since === 'head' ? ' of the last commit' : ' before your change'
    const where = `${path}, line ${line}${isOld ? old : ''}`
    return `${where}:\n> ${quote.slice(0, QUOTE_CHARS)}\n${text.trim()}`
  })
  return ['Please address these comments on your changes.', ...parts].join('\n\n')
}
