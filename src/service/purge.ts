import { existsSync, lstatSync, readdirSync, readlinkSync, rmdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { run } from './run.ts'

/** What is in a state folder, or in a hub's, by this program; files that it had not finished, or set aside, as well. */
const OWN =
  /^(agents|hub|releases|(machine|machines|runtimes|update|format|hub|keys|enrolments|commands|ledger)\.jsonl?|(machine|user)\.key|daemon\.log(\.\d+)?|daemon\.sock|lock|compiled-run\.bin|update-.*|.*\.damaged-.*|.*\.tmp)$/
/** One of these says that a folder is this program's. */
const PROOF = ['machine.json', 'daemon.log', 'format.json', 'user.key']

export interface Purged {
  removed: string[]
  /** What stays, with the reason. */
  left: string[]
}

/**
 * What would be removed of a state folder: nothing of a link, of a mounted disk, or of a folder that others use, too.
 * @param whole the folder is this program's alone, at its usual place
 */
export function planPurge(dir: string, { whole }: { whole: boolean }): { paths: string[]; left: string[] } {
  const stat = lstatSync(dir, { throwIfNoEntry: false })
  if (!stat) return { paths: [], left: [] }
  if (stat.isSymbolicLink()) {
    // Systemd's own, for a user that is there only while the service runs.
    const to = readlinkSync(dir)
    if (dir === join('/var/lib', basename(dir)) && to === `private/${basename(dir)}`) {
      const inner = planPurge(join('/var/lib/private', basename(dir)), { whole })
      return { paths: [...inner.paths, dir], left: inner.left }
    }
    return { paths: [], left: [`${dir}: it is a link, to ${to}`] }
  }
  if (!stat.isDirectory()) return { paths: [], left: [`${dir}: it is no folder`] }
  if (stat.dev !== lstatSync(dirname(dir)).dev)
    return { paths: [], left: [`${dir}: a disk is mounted there`] }
  let names: string[]
  try {
    names = readdirSync(dir)
  } catch {
    return { paths: [], left: [`${dir}: this user may not look into it`] }
  }
  if (names.length > 0 && !PROOF.some((name) => names.includes(name)))
    return { paths: [], left: [`${dir}: it does not look like a folder of this program`] }
  if (whole) return { paths: [dir], left: [] }
  const own = names.filter((name) => OWN.test(name))
  const others = names.filter((name) => !own.includes(name))
  return {
    paths: [...own.map((name) => join(dir, name)), ...(others.length === 0 ? [dir] : [])],
    left: others.length === 0 ? [] : [`${dir}: others' files are in it, ${others.slice(0, 5).join(', ')}`],
  }
}

/**
 * Removes what `planPurge` found. What is in a folder is removed as the folder's owner: a link that the owner puts there
 * meanwhile leads root nowhere.
 */
export async function purge(paths: string[]): Promise<Purged> {
  const removed: string[] = []
  const left: string[] = []
  for (const path of paths) {
    if (lstatSync(path, { throwIfNoEntry: false }) && !(await removePath(path)))
      left.push(`${path}: it cannot be removed`)
    else removed.push(path)
  }
  return { removed, left }
}

async function removePath(path: string): Promise<boolean> {
  const stat = lstatSync(path)
  if (stat.isDirectory() && readdirSafely(path).length === 0) {
    try {
      rmdirSync(path)
      return true
    } catch {
      return false
    }
  }
  const { uid, gid } = lstatSync(dirname(path))
  const other = process.getuid?.() === 0 && uid !== 0
  const as = other ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'] : []
  // Not across the border to a disk that is mounted further below.
  const flags = process.platform === 'linux' && existsSync('/run/systemd/system') ? ['--one-file-system'] : []
  await run([...as, 'rm', '-rf', ...flags, '--', path])
  return !lstatSync(path, { throwIfNoEntry: false })
}

function readdirSafely(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return ['?']
  }
}
