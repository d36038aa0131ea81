import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { run } from './run.ts'

/**
 * Names of the files and folders that this program creates in a state folder or a hub's folder, including
 * temporary and damaged files.
 */
const OWN =
  /^(agents|hub|releases|audit|(machine|machines|runtimes|place|update|confirmed|modes|servers|format|hub|keys|user-keys|enrolments|commands|ledger)\.jsonl?|(machine|user)\.key|machine\.key\.machine|daemon\.log(\.\d+)?|(daemon|hub)\.sock|lock|compiled-(run|up|hub)\.bin|update-.*|.*\.damaged-.*|.*\.tmp)$/
/** A folder counts as this program's only if it contains at least one of these names. */
const PROOF = ['machine.json', 'daemon.log', 'format.json', 'user.key']

export interface Purged {
  removed: string[]
  /** Paths that were not removed, each with the reason. */
  left: string[]
}

/**
 * Returns the paths to remove from a state folder, excluding links, mounted file systems, and other programs' files.
 * @param whole true if the folder is at its default place and used only by this program
 */
export function planPurge(dir: string, { whole }: { whole: boolean }): { paths: string[]; left: string[] } {
  const stat = lstatSync(dir, { throwIfNoEntry: false })
  if (!stat) return { paths: [], left: [] }
  if (stat.isSymbolicLink()) {
    // systemd creates this kind of link for a service with DynamicUser=.
    const to = readlinkSync(dir)
    if (dir === join('/var/lib', basename(dir)) && to === `private/${basename(dir)}`) {
      const inner = planPurge(join('/var/lib/private', basename(dir)), { whole })
      return { paths: [...inner.paths, dir], left: inner.left }
    }
    return { paths: [], left: [`${dir}: it is a link to ${to}`] }
  }
  if (!stat.isDirectory()) return { paths: [], left: [`${dir}: it is not a folder`] }
  const mount = mountIn(dir)
  if (mount !== undefined)
    return {
      paths: [],
      left: [`${dir}: a disk is mounted at ${mount}`],
    }
  let names: string[]
  try {
    names = readdirSync(dir)
  } catch {
    return { paths: [], left: [`${dir}: this user cannot read it`] }
  }
  if (names.length > 0 && !PROOF.some((name) => names.includes(name)))
    return { paths: [], left: [`${dir}: it does not look like a folder of this program`] }
  if (whole) return { paths: [dir], left: [] }
  const own = names.filter((name) => OWN.test(name))
  const others = names.filter((name) => !own.includes(name))
  return {
    paths: [...own.map((name) => join(dir, name)), ...(others.length === 0 ? [dir] : [])],
    left: others.length === 0 ? [] : [`${dir}: it contains other files: ${others.slice(0, 5).join(', ')}`],
  }
}

/** Returns a mount point at `dir` or below it, if there is one. */
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
 * Removes the paths from `planPurge`. If a path is below another user's folder, root removes it with the
 * rights of that user. A link that the user puts there in the meantime cannot make root delete anything else.
 */
export async function purge(paths: string[]): Promise<Purged> {
  const removed: string[] = []
  const left: string[] = []
  for (const path of paths) {
    if (lstatSync(path, { throwIfNoEntry: false }) && !(await removePath(path)))
      left.push(`${path}: removing it failed`)
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

/**
 * Returns the owner of the topmost folder above `path` that does not belong to root; undefined if root owns
 * all of them.
 */
function ownerAbove(path: string): { uid: number; gid: number } | undefined {
  const dir = dirname(path)
  if (dir === path) return undefined
  const { uid, gid } = lstatSync(dir)
  return ownerAbove(dir) ?? (uid === 0 ? undefined : { uid, gid })
}
