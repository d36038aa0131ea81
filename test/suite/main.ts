/**
 * Runs a suite of tests:
 *
 *     npm run test:NAME -- [FLAG OF node --test]... [FILE]...
 *
 * As root on Debian or Ubuntu, it installs missing packages. As another user, it runs the test files that
 * need neither root nor missing packages, and lists the other files. Exit code: 0 if all tests passed, 1 if
 * something failed, 77 if all tests that could run passed and some were left out.
 */
import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { claudeVersion, startsClaude } from './claude-versions.ts'
import { installPackages, isDebian, packagesOf } from './debian-packages.ts'
import { type LeftOut, leftOutText, remedy } from './left-out.ts'
import { installed, needsOf, PATH } from './needs.ts'
import { SUITES, type Suite } from './suites.ts'
import { withoutServices } from './without-services.ts'

const NOT_ALL_COVERED = 77
/**
 * Number of files that run at once. Tests mostly wait, so the suite uses every core, and at least two. Node's
 * default would leave one core free.
 */
const AT_ONCE = Math.max(2, availableParallelism())
const root = fileURLToPath(new URL('../..', import.meta.url))
const reporter = fileURLToPath(new URL('durations.ts', import.meta.url))

function selected(suite: Suite, wanted: readonly string[]): string[] {
  const files = suite.folders.flatMap((folder) => globSync(`test/${folder}/**/*.test.ts`, { cwd: root }))
  if (wanted.length === 0)
    return files.filter((file) => !suite.claude || startsClaude(resolve(root, file))).sort()
  const names = wanted.map((path) => relative(root, resolve(path)))
  const unknown = names.find((name) => !files.includes(name))
  if (unknown !== undefined)
    throw new Error(`${unknown} is not a file of this suite. Give the path of one of its files.`)
  return names
}

/** Reports whether root may mount file systems, which a container may forbid. */
function mayMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
      env: { PATH },
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

async function runTests(suite: Suite, files: string[], flags: string[]): Promise<number> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const args = ['--test', `--test-timeout=${suite.timeoutMinutes * 60_000}`]
  args.push(`--test-concurrency=${suite.serial ? 1 : AT_ONCE}`)
  if (suite.serial) {
    args.push('--test-reporter=spec', '--test-reporter-destination=stdout')
    args.push(`--test-reporter=${reporter}`, '--test-reporter-destination=stdout')
  }
  const { exitCode } = await execa(process.execPath, [...args, ...flags, ...files], {
    cwd: root,
    env: { ...env, PATH, ...(suite.claude && { TEST_CLAUDE_VERSION: await claudeVersion(suite.claude) }) },
    extendEnv: false,
    stdio: 'inherit',
    reject: false,
  })
  return exitCode ?? 1
}

async function main(name: string, args: string[]): Promise<number> {
  const suite: Suite | undefined = SUITES[name as keyof typeof SUITES]
  if (!suite) throw new Error(`Unknown suite ${name}. Use one of ${Object.keys(SUITES).join(', ')}.`)
  const files = selected(
    suite,
    args.filter((arg) => !arg.startsWith('-')),
  )
  const needs = new Map(files.map((file) => [file, needsOf(resolve(root, file))]))
  const programs = [...new Set([...needs.values()].flatMap((each) => [...each]))].filter(
    (need) => need !== 'root',
  )
  const missing = programs.filter((program) => !installed(program))
  const asRoot = process.getuid?.() === 0
  if (missing.length > 0)
    if (asRoot && isDebian()) await withoutServices(() => installPackages(packagesOf(missing)))
    else console.log(`${remedy(missing)}\n`)
  const rights = asRoot && mayMount()
  const leftOut: LeftOut[] = files.flatMap((file) => {
    const lacking = [...needs.get(file)!].filter((need) => (need === 'root' ? !rights : !installed(need)))
    return lacking.length > 0 ? [{ file, lacking }] : []
  })
  for (const script of suite.before ?? []) {
    const { exitCode } = await execa('npm', ['run', '--silent', script], {
      cwd: root,
      stdio: 'inherit',
      reject: false,
    })
    if (exitCode !== 0) return 1
  }
  const covered = files.filter((file) => !leftOut.some((each) => each.file === file))
  const code =
    covered.length === 0
      ? 0
      : await runTests(
          suite,
          covered,
          args.filter((arg) => arg.startsWith('-')),
        )
  if (leftOut.length === 0) return code
  console.log(leftOutText(leftOut, files.length, asRoot))
  return code === 0 ? NOT_ALL_COVERED : code
}

const [name = 'all', ...args] = process.argv.slice(2)
try {
  process.exitCode = await main(name, args)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
