/** Passphrases that are easy to remember: words drawn with the browser's random generator. */

/** 256 words: each random byte picks one with equal probability, so a word has 8 bits. */
export const WORDS = `
able acid acorn agent alarm album amber anchor angle ankle apple apron arch arrow atlas attic autumn avenue bacon
badge bagel baker ballet bamboo banjo barley barn basil basket beach beacon beaver beetle bell berry birch bison
blanket blossom boat bonfire border bottle bowl branch brass bread brick bridge broom brush bucket butter button
cabin cactus camel candle canoe canvas canyon carbon carpet carrot castle cedar cello chalk cherry chess chimney
cider cinema circle citrus clay cliff clock cloud clover coast cobalt cocoa comet compass copper coral cotton cradle
crane crayon cricket crystal curtain daisy dancer dawn delta desert dinner dolphin donkey dragon drum dune eagle
easel echo elbow ember engine falcon feather fence fern ferry fiddle field fig finch flame flint flute forest fossil
fountain fox galaxy garden garlic gate ginger glacier globe glove goose granite grape gravel guitar hammer hammock
harbor harp hazel hedge heron hill hive honey horizon hotel island ivory ivy jacket jasmine jungle kayak kettle
kitchen kite koala ladder lagoon lamp lantern lark lattice laurel lemon lichen lily linen lizard lobster lotus
magnet mango maple marble meadow melon mill mint mirror mitten moss mountain mushroom napkin nectar needle nest
nutmeg oak oasis ocean olive onion orbit orchard otter oyster paddle palm panda paper parrot peach pebble pepper
piano picnic pillow pine planet plum pocket pollen pony poppy potato prairie puddle quarry quartz quilt rabbit raft
rain raven reef ribbon river robin rocket rose saddle salmon sand scarf shell silver spruce stone sugar tiger timber
trumpet tulip tunnel velvet violin walnut willow
`.trim().split(/\s+/);
const LENGTH = 6;
const ATTEMPTS = 100;

/** @param {(passphrase: string) => boolean} isGood what the rules for passwords say of one */
export function suggestPassphrase(isGood) {
  let passphrase = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    passphrase = [...crypto.getRandomValues(new Uint8Array(LENGTH))].map((byte) => WORDS[byte]).join(" ");
    if (isGood(passphrase)) break;
  }
  return passphrase;
}
