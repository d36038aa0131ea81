import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { run } from './run.ts'

/** What is in a state folder, or in a hub's, by this program; files that it had not finished, or set aside, as well. */
const OWN =
  /^(agents|hub|releases|audit|(machine|machines|runtimes|place|update|confirmed|modes|servers|format|hub|keys|user-keys|enrolments|commands|ledger)\.jsonl?|(machine|user)\.key|machine\.key\.machine|daemon\.log(\.\d+)?|(daemon|hub)\.sock|lock|compiled-(run|up|hub)\.bin|update-.*|.*\.damaged-.*|.*\.tmp)$/
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
  const mount = mountIn(dir)
  if (mount !== undefined)
    return {
      paths: [],
      left: [`${dir}: a disk is mounted ${mount === dir ? 'there' : `in it, at ${mount}`}`],
    }
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

/** A mounted disk, or another folder that is mounted, at `dir` or below it. */
function mountIn(dir: string): string | undefined {
  const real = realpathSync(dir)
  let table = ''
  try {
    table = readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return lstatSync(real).dev === lstatSync(dirname(real)).dev ? undefined : dir
  }
  const points = table
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, code) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      ),
    )
  if (points.includes(real)) return dir
  return points.find((point) => point.startsWith(`${real}/`))
}

/**
 * Removes what `planPurge` found. What other users own, or can replace, is removed as that user: a link that they put
 * there meanwhile does not have root remove anything.
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
  const owner = process.getuid?.() === 0 ? ownerAbove(path) : undefined
  const as = owner ? ['setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'] : []
  await run([...as, 'rm', '-rf', '--', path])
  return !lstatSync(path, { throwIfNoEntry: false })
}

/** The first user other than root, from above, who has a folder on the way to `path`. */
function ownerAbove(path: string): { uid: number; gid: number } | undefined {
  const dir = dirname(path)
  if (dir === path) return undefined
  const { uid, gid } = lstatSync(dir)
  return ownerAbove(dir) ?? (uid === 0 ? undefined : { uid, gid })
}
