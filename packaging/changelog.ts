import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './program.ts'

export const path = join(root, 'packaging/CHANGELOG.md')
const PENDING = 'Pending'

/**
 * Returns the changes of a version, as Markdown with the version as the title; only the title if the
 * changelog lists no changes for that version.
 */
export function changelog(version: string, text = readFileSync(path, 'utf8')): string {
  return `# ${version}\n\n${sectionOf(text, version) || sectionOf(text, PENDING)}\n`
}

/** Reports whether a changelog lists any change. */
export function hasChanges(changes: string): boolean {
  return /^- /m.test(changes)
}

/**
 * Returns the text of the changelog, in which the pending section now has the version as its title and a new,
 * empty pending section precedes it.
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
