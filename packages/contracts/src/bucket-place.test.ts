import { describe, expect, test } from '@jest/globals'
import { isBelowPlace, parseBucketPlace } from './bucket-place.js'

describe('a place in a bucket', () => {
  test.each([
    ['s3://photos', { bucket: 'photos', key: '' }],
    ['s3://photos/', { bucket: 'photos', key: '' }],
    ['s3://photos/a b/é.zip', { bucket: 'photos', key: 'a b/é.zip' }],
    ['s3://photos/cats/', { bucket: 'photos', key: 'cats/' }],
  ])('%j is read', (text, place) => {
    expect(parseBucketPlace(text)).toEqual(place)
  })

  test.each([
    '/photos',
    'S3://photos',
    's3:/photos',
    's3://',
    's3:///x',
    's3://Photos/x',
    's3://key:secret@photos/x',
    's3://127.0.0.1:9000/x',
    's3://photos?x',
    's3://photos/../x',
    's3://photos/a/./b',
    's3://photos/a//b',
    's3://photos//',
    's3://photos/a\\b',
    's3://photos/a\nb',
    `s3://photos/${'x'.repeat(1025)}`,
  ])('%j is none', (text) => {
    expect(parseBucketPlace(text)).toBeNull()
  })

  test.each([
    ['s3://photos/cats/x.zip', 's3://photos', true],
    ['s3://photos', 's3://photos', true],
    ['s3://photos/cats', 's3://photos/cats/', true],
    ['s3://photos/cats/', 's3://photos/cats', true],
    ['s3://photos/cats-and-dogs', 's3://photos/cats', false],
    ['s3://photos', 's3://photos/cats', false],
    ['s3://photos-of-others/cats', 's3://photos', false],
  ])('%j below %j: %j', (place, above, expected) => {
    expect(isBelowPlace(parseBucketPlace(place)!, parseBucketPlace(above)!)).toBe(expected)
  })
})
