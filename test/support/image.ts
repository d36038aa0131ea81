// Needs: root, buildah, runc, mount, /usr/lib/podman/netavark
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { PACKAGES } from './booted.ts'
import { debianRoot } from './debian.ts'
import type { Cleanup } from './temp.ts'
import { testTool } from './tool.ts'

/** Timeout of a build, in milliseconds. A build writes Debian's files and unpacks npm packages. */
const BUILD_MS = 5 * 60_000
const NPM = '10.9.9'
/** Limits of a container. The defaults of Debian 13 may exceed the limits of this process. */
export const LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024']

/** Images and containers of one test. Buildah makes them without a registry, in a separate store. */
export class Images {
  readonly #dir = mkdtempSync(join(tmpdir(), 'fomular-images-'))

  constructor(t: Cleanup) {
    // Mounts a separate disk for the store. The store uses overlays, which do not work on this machine's root
    // if the root is an overlay itself.
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', this.#dir])
    t.after(async () => {
      await this.buildah('rm', '--all')
      await this.buildah('rmi', '--all', '--force')
      await execa('umount', [join(this.#dir, 'storage/overlay')], { reject: false })
      await execa('umount', [this.#dir])
      rmSync(this.#dir, { recursive: true })
    })
  }

  /** Returns the command line of buildah. */
  command(...args: string[]): [string, ...string[]] {
    const at = (name: string) => join(this.#dir, name)
    return [
      'buildah',
      '--root',
      at('storage'),
      '--runroot',
      at('run'),
      '--storage-driver',
      'overlay',
      ...args,
    ]
  }

  async buildah(...args: string[]): Promise<string> {
    const [file, ...rest] = this.command(...args)
    return (await execa(file, rest, { timeout: BUILD_MS })).stdout.trim()
  }

  /**
   * Makes an image of Debian with this Node, an npm, and `files`. The keys of `files` are paths in the image.
   */
  async debian(name: string, files: Record<string, string>) {
    const container = await this.buildah('from', 'scratch')
    const root = await this.buildah('mount', container)
    await execa('cp', ['--archive', `${await debianRoot({ packages: PACKAGES })}/.`, root])
    const put = (from: string, to: string) => {
      mkdirSync(dirname(join(root, to)), { recursive: true })
      cpSync(from, join(root, to), { recursive: true })
    }
    put(process.execPath, 'usr/local/bin/node')
    put(join(await testTool('npm', NPM), 'npm'), 'usr/local/lib/node_modules/npm')
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'))
    for (const [to, from] of Object.entries(files)) put(from, to)
    await this.buildah('umount', container)
    await this.buildah('commit', '--quiet', '--rm', container, name)
  }

  /** Builds an image from a Dockerfile's text. */
  async build(name: string, dockerfile: string, args: Record<string, string>) {
    const context = join(this.#dir, 'context')
    mkdirSync(context)
    writeFileSync(join(context, 'Dockerfile'), dockerfile)
    const given = Object.entries(args).flatMap(([arg, value]) => ['--build-arg', `${arg}=${value}`])
    const options = ['--isolation', 'chroot', ...LIMITS, '--format', 'docker', '--tag', name]
    await this.buildah('build', ...options, ...given, context)
  }
}
