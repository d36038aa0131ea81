// Needs: root, curl
import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { NOBODY, toOther } from '../support/foreign-files.ts'
import { box, SHELLS } from '../support/installer.ts'
import { ReleaseServer } from '../support/release-server.ts'
import { tempDir } from '../support/temp.ts'

test('the installer writes nothing into another user’s folder, and runs nothing from it', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const { home, prefix, run } = box(t, server)
  assert.equal((await run()).code, 0)
  const elsewhere = tempDir(t)
  const move = (name: string) => {
    renameSync(join(prefix, name), join(elsewhere, name))
    symlinkSync(join(elsewhere, name), join(prefix, name))
    toOther(join(elsewhere, name))
  }
  const back = (name: string) => {
    rmSync(join(prefix, name))
    renameSync(join(elsewhere, name), join(prefix, name))
    chownSync(join(prefix, name), 0, 0)
  }
  const calls = () => readFileSync(join(home, 'calls'), { encoding: 'utf8', flag: 'a+' })
  const before = calls()
  const refuses = async (path: string) => {
    for (const args of [[], ['--uninstall']]) {
      const { code, err } = await run(args)
      assert.equal(code, 1, path)
      assert.match(err, new RegExp(`^error: ${path} belongs to another user.*\n.*FOMULAR_STRICT_MODES=false`))
    }
  }
  for (const path of [
    home,
    prefix,
    join(prefix, 'versions'),
    join(prefix, 'bin'),
    join(prefix, 'versions/1.0.0'),
  ]) {
    toOther(path)
    await refuses(path)
    chownSync(path, 0, 0)
  }
  for (const name of ['versions', 'bin']) {
    move(name)
    await refuses(join(elsewhere, name))
    back(name)
  }
  for (const link of ['current', 'bin/fomular-daemon']) {
    lchownSync(join(prefix, link), NOBODY, NOBODY)
    await refuses(join(prefix, link))
    lchownSync(join(prefix, link), 0, 0)
  }
  assert.equal(calls(), before)
  toOther(prefix)
  assert.equal((await run([], { env: { SUDO_UID: '1' } })).code, 1)
  // The installer trusts the user who called sudo, because that user can become root anyway. On a Mac, that
  // user may own /usr/local/bin.
  const ways: Record<string, string>[] = [{ SUDO_UID: String(NOBODY) }, { FOMULAR_STRICT_MODES: 'false' }]
  for (const env of ways) assert.equal((await run([], { env })).code, 0)
})

test('the installer refuses to install below a folder that others can write to, but only warns during an upgrade', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  for (const shell of SHELLS) {
    const { home, prefix, run } = box(t, server)
    const open = join(home, 'open')
    mkdirSync(open)
    const given = ['--prefix', join(open, 'f')]
    const outcome = async (mode: number, group = 0) => {
      chownSync(open, 0, group)
      chmodSync(open, mode)
      const { code, err } = await run([...given, '--dry-run'], { shell })
      return [code, err.includes(`Other users can write to ${open},`)]
    }
    const refused = [1, true]
    assert.deepEqual(await outcome(0o777), refused, shell[0])
    assert.deepEqual(await outcome(0o775, NOBODY), refused, shell[0])
    // A folder that only root's group can write to counts as root's folder.
    assert.deepEqual(await outcome(0o775), [0, false], shell[0])
    if (shell !== SHELLS[0]) continue
    // In a sticky folder, users can replace only their own files.
    assert.deepEqual(await outcome(0o1777), [0, false], shell[0])
    // A parent folder and the target of a link are checked in the same way.
    symlinkSync(join(open, 'f'), join(home, 'link'))
    chmodSync(open, 0o777)
    const linked = await run(['--prefix', join(home, 'link')], { shell })
    assert.equal(linked.code, 1, shell[0])
    const forced = { shell, env: { FOMULAR_STRICT_MODES: 'false' } }
    assert.equal((await run([...given, '--dry-run'], forced)).code, 0, shell[0])

    chmodSync(open, 0o755)
    assert.equal((await run(given, { shell })).code, 0, shell[0])
    chmodSync(open, 0o777)
    const again = await run(given, { shell })
    assert.equal(again.code, 0, shell[0])
    assert.match(again.err, /^! Other users can write to .*open, .*chmod go-w/m)
    assert.equal((await run([...given, '--uninstall'], { shell })).code, 0, shell[0])
    assert.equal(existsSync(prefix), false)
  }
})

test('the installer does not follow another user’s links in a shared folder', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const { home, run } = box(t, server)
  const share = join(home, '.local/share')
  const victim = join(home, 'victim')
  writeFileSync(victim, 'precious')
  const fish = join(share, 'fish/vendor_completions.d')
  mkdirSync(fish, { recursive: true })
  symlinkSync(victim, join(fish, 'fomular-daemon.fish.new'))
  mkdirSync(join(home, 'elsewhere'))
  mkdirSync(join(share, 'bash-completion'))
  symlinkSync(join(home, 'elsewhere'), join(share, 'bash-completion/completions'))
  for (const path of ['fish', 'bash-completion', 'fish/vendor_completions.d']) toOther(join(share, path))
  const neighbors = await run()
  assert.equal(neighbors.code, 0, neighbors.err)
  assert.match(
    neighbors.err,
    /! Other users can change .*fish.*, so the file fomular-daemon\.fish was not written there/,
  )
  assert.equal(readFileSync(victim, 'utf8'), 'precious')
  assert.deepEqual(readdirSync(join(home, 'elsewhere')), [])
  // A link from an earlier attempt does not redirect the installer either.
  for (const path of ['fish', 'fish/vendor_completions.d']) chownSync(join(share, path), 0, 0)
  assert.equal((await run()).code, 0)
  assert.equal(readFileSync(victim, 'utf8'), 'precious')
  assert.ok(lstatSync(join(fish, 'fomular-daemon.fish')).isFile())
})
