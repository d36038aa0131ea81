import assert from 'node:assert/strict'
import { globSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { commandLines, faultOf } from '../support/commands-in-text.ts'

const root = new URL('../../', import.meta.url)
const read = (page: string | URL) => readFileSync(new URL(page, root), 'utf8')

/** Every page of the repository. */
const pages = globSync(['*.md', '{src,packaging,installer,test}/**/*.md', '.github/**/*.md'], {
  cwd: fileURLToPath(root),
}).sort()

/** Returns the text of a page without its blocks of code. */
const prose = (text: string) => text.replace(/^( *)(```|~~~)[\s\S]*?^\1\2$/gm, '')

/** Returns the anchors that GitHub gives to the headings of a page. */
function anchors(text: string): string[] {
  const seen = new Map<string, number>()
  return [...prose(text).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const slug = heading!
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    return times === 0 ? slug : `${slug}-${times}`
  })
}

for (const page of pages)
  test(`the links in ${page} lead to existing files and headings`, () => {
    const links = [...prose(read(page)).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
    for (const [link, path = '', anchor] of links) {
      const target = new URL(path, new URL(page, root))
      assert.ok(statSync(target, { throwIfNoEntry: false })?.isFile(), link)
      if (anchor !== undefined) assert.ok(anchors(read(target)).includes(anchor), link)
    }
  })

test('all source files that the pages name exist', () => {
  for (const page of pages)
    for (const [, path] of read(page).matchAll(/`((?:src|test|packaging|installer)\/[\w./-]+\.\w+)`/g))
      assert.ok(statSync(new URL(path!, root), { throwIfNoEntry: false })?.isFile(), `${page}: ${path}`)
})

for (const page of pages)
  test(`the command lines in ${page} are valid`, async () => {
    for (const written of commandLines(read(page))) assert.equal(await faultOf(written), undefined)
  })

test('the README takes two screens, and its table of contents has every section', () => {
  const text = read('README.md')
  assert.ok(text.split('\n').length < 200)
  const [list = ''] = text.match(/(?:^- .*\n)+/m) ?? []
  const sections = [...prose(text).matchAll(/^## (.*)$/gm)].map(([, title]) => title)
  assert.deepEqual(
    [...list.matchAll(/^- \[(.*)\]/gm)].map(([, title]) => title),
    sections,
  )
})

test('the README links to every other page, directly or through another page', () => {
  const reached = new Set<string>(['README.md'])
  for (const page of reached)
    for (const [, path] of prose(read(page)).matchAll(/\]\((?!https?:)([^)#\s]+\.md)/g))
      reached.add(fileURLToPath(new URL(path!, new URL(page, root))).slice(fileURLToPath(root).length))
  assert.deepEqual(
    pages.filter((page) => !reached.has(page)),
    ['.github/PULL_REQUEST_TEMPLATE.md'],
  )
})
