import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './program.ts'

export const path = join(root, 'packaging/CHANGELOG.md')
const PENDING = 'Pending'

/**
 * Returns the changes of a version, as Markdown with the version as the title. If the changelog lists no
 * changes for that version, returns only the title.
 */
export function changelog(version: string, text = readFileSync(path, 'utf8')): string {
  return `# ${version}\n\n${sectionOf(text, version) || sectionOf(text, PENDING)}\n`
}

/** Reports whether a changelog lists any change. */
export function hasChanges(changes: string): boolean {
  return /^- /m.test(changes)
}

/**
 * Returns the changelog with the version as the title of the pending section, and with a new, empty pending
 * section before it.
 * @throws if the pending section is empty
 */
export function cut(text: string, version: string, date: string): string {
  if (!hasChanges(sectionOf(text, PENDING)))
    throw new Error('The section "Pending" of packaging/CHANGELOG.md is empty. List the changes.')
  return text.replace(`## ${PENDING}\n`, () => `## ${PENDING}\n\n## ${version} (${date})\n`)
}

function sectionOf(text: string, name: string): string {
  const [, ...sections] = text.split(/^## /m)
  const section = sections.find((section) => section.split(/\s/, 1)[0] === name) ?? ''
  return section.slice(section.indexOf('\n')).trim()
}
