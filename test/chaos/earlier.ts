import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { builtOnce, hasCommit, unpack } from '../support/earlier-release.ts'

/**
 * Builds the previous release with shortened durations, using the build script of that release.
 * @param dir empty folder to build it in
 * @returns the path of the program; undefined if this clone lacks the release's commit
 */
export async function buildEarlier(dir: string): Promise<string | undefined> {
  if (!hasCommit()) return undefined
  return builtOnce('hastened', async () => {
    unpack(dir)
    const { buildHastened }: typeof import('./program.ts') = await import(
      pathToFileURL(join(dir, 'test/chaos/program.ts')).href
    )
    return buildHastened('0.9.0')
  })
}
