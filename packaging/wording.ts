import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openings, type Phrase, phrases, spellings } from './phrases.ts'
import { root } from './program.ts'
import { type Prose, proseOfPage, proseOfProgram, proseOfShell } from './prose.ts'

/** A phrase that must be replaced in a file. */
export interface Finding {
  line: number
  phrase: string
  better: string
}

/** Files that contain the phrases themselves. */
const LIST = /(?:^|\/)(?:phrases|wording\.test)\.ts$/

/**
 * Files with the project's own text. They are found without git, because git refuses to read another user's
 * clone.
 */
const FILES = ['*.md', '.github/*.md', '{src,packaging,installer,test}/**/*.{md,sh,ts,tsx,mts,cts,mjs}']

/** Returns the phrases that must be replaced in a file. The file's name determines which text is checked. */
export function findings(path: string, text: string): Finding[] {
  return [...prose(path, text)].flatMap((passage) =>
    listed(passage).flatMap(({ match, better }) => {
      const found = match.exec(passage.text.replaceAll('\n', ' '))
      return found
        ? [{ line: lineOf(passage, found.index + found[0].search(/\S/)), phrase: found[0].trim(), better }]
        : []
    }),
  )
}

function listed(passage: Prose): Phrase[] {
  return passage.documents ? [...phrases, ...spellings, ...openings] : [...phrases, ...spellings]
}

function lineOf(passage: Prose, index: number): number {
  return passage.line + passage.text.slice(0, index).split('\n').length - 1
}

function prose(path: string, text: string): Iterable<Prose> {
  if (LIST.test(path)) return []
  if (path.endsWith('.md')) return proseOfPage(text)
  if (path.endsWith('.sh')) return proseOfShell(text)
  if (/\.[cm]?tsx?$|\.mjs$/.test(path))
    return proseOfProgram(text, path.startsWith('test/') ? 'titles' : 'all')
  return []
}

function main(): void {
  let count = 0
  for (const path of globSync(FILES, { cwd: root }).sort()) {
    for (const { line, phrase, better } of findings(path, readFileSync(join(root, path), 'utf8'))) {
      count++
      console.error(`${path}:${line}: "${phrase}": write ${better}`)
    }
  }
  if (count > 0) {
    console.error(`${count} phrases to replace; .github/CONTRIBUTING.md has the rules.`)
    process.exitCode = 1
  }
}

if (import.meta.main ?? process.argv[1]?.endsWith('wording.ts')) main()
