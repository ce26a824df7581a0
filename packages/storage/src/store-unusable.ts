/** The store answers and must not be used as it is. The message names the setting, says why, and what to do. */
export class StoreUnusable extends Error {
  override name = 'StoreUnusable'
}
