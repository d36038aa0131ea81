/**
 * Feeds invalid inputs to a part of the program, and checks that the part keeps working.
 *
 *     npm run fuzz -- --target daemon|hub|http|journal|cli [--count N] [--seed S] [--from N] [--replay FILE]
 *
 * The inputs are mutations of recordings, values that the protocol's schema allows, and mutations of such
 * values. The seed and the number of an input determine its content. If a batch causes a fault, the fuzzer
 * writes the batch to a file, one input per line in base64. `--replay` feeds the inputs from such a file.
 * Progress goes to stderr. The verdict goes to stdout as one JSON object. The exit code is 0 if there was no
 * fault.
 */
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFlags } from '../support/read-flags.ts'
import { fuzz } from './run.ts'
import { TARGETS, type TargetName } from './targets/index.ts'

const values = readFlags({
  target: { type: 'string' },
  count: { type: 'string', default: '10000' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  from: { type: 'string', default: '0' },
  replay: { type: 'string' },
})
const say = (text: string) => process.stderr.write(`${text}\n`)

function fail(message: string): never {
  say(message)
  process.exit(2)
}

function whole(name: 'count' | 'from'): number {
  const value = Number(values[name])
  return Number.isInteger(value) && value >= 0
    ? value
    : fail(`--${name} is a whole number, not "${values[name]}".`)
}

const name = values.target as TargetName
if (!Object.hasOwn(TARGETS, name ?? '')) fail(`--target is one of ${Object.keys(TARGETS).join(', ')}.`)
const inputs =
  values.replay === undefined
    ? undefined
    : readFileSync(values.replay, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => Buffer.from(line, 'base64'))
const { seed } = values
const [from, count] = [whole('from'), inputs?.length ?? whole('count')]
const MIB = 1024 * 1024
let told = performance.now()
say(`${name}: ${count} inputs, seed ${seed}`)
const verdict = await fuzz({
  name,
  open: TARGETS[name],
  seed,
  from,
  count,
  ...(inputs && { inputs }),
  savePath: join(tmpdir(), `fomular-fuzz-${name}-${seed}-${process.pid}.txt`),
  progress(done, target) {
    if (performance.now() - told < 10_000) return
    told = performance.now()
    say(`${name}: ${done} inputs, ${Math.round(target.memory() / MIB)} MiB of memory`)
  },
})
process.stdout.write(`${JSON.stringify(verdict)}\n`)
process.exit(verdict.finding ? 1 : 0)
