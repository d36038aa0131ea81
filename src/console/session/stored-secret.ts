/** The part of `Storage` that is needed. */
type Items = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

/**
 * A session's id and secret, as the header `X-Fomular-Session` needs them, in the browser's local storage. The
 * storage belongs to the scheme, host, and port of the page, while all servers on a host get its cookies,
 * on any port. Therefore, the hub accepts a cookie only together with this secret. If the browser
 * forbids the storage, the secret is kept until the page is closed.
 */
export class StoredSecret {
  readonly name: string
  readonly #items: Items | undefined
  /** The secret, if the storage cannot keep it. */
  #kept: string | undefined

  /**
   * @param items the local storage; undefined if the browser forbids it
   * @param path path of the page: a proxy may serve several hubs below one origin
   */
  constructor(items: Items | undefined, path: string) {
    this.#items = items
    this.name = `fomular-session ${path}`
  }

  get value(): string | undefined {
    try {
      return this.#items?.getItem(this.name) ?? this.#kept
    } catch {
      return this.#kept
    }
  }

  set value(secret: string | undefined) {
    this.#kept = this.#store(secret) ? undefined : secret
  }

  /** @returns false if the storage is full or forbidden */
  #store(secret: string | undefined): boolean {
    try {
      if (secret === undefined) this.#items?.removeItem(this.name)
      else this.#items?.setItem(this.name, secret)
      return this.#items !== undefined
    } catch {
      return false
    }
  }
}

/** Returns the browser's local storage; undefined if the browser forbids it. */
export function localItems(): Items | undefined {
  try {
    return localStorage
  } catch {
    return undefined
  }
}
