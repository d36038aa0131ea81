import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Returns the `nth` block of code below a heading of a documentation page. The heading includes its `#`.
 * @param replaced the words to replace in the sample, each with its replacement; the sample must contain them
 */
export function pageSample(
  page: string,
  heading: string,
  nth: number,
  replaced: Record<string, string>,
): string {
  const text = readFileSync(fileURLToPath(new URL(`../../${page}`, import.meta.url)), 'utf8')
  const [, section = ''] = `\n${text}`.split(`\n${heading}\n`)
  const blocks = [...(section.split('\n## ')[0] ?? '').matchAll(/^```\w+\n(.*?)^```$/gms)]
  let sample = blocks[nth]?.[1]
  if (sample === undefined) throw new Error(`${page} has no block ${nth} below ${heading}`)
  for (const [words, others] of Object.entries(replaced)) {
    if (!sample.includes(words)) throw new Error(`The sample below ${heading} does not have ${words}`)
    sample = sample.replaceAll(words, others)
  }
  return sample
}
