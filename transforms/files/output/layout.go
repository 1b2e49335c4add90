package output

import "github.com/framebeam/framebeam/transforms/files/chunkfolder"

// Folders of the output.
const (
	resultsDir       = "results/"
	statesDir        = "states/"
	imagesDir        = "images/"
	partialsDir      = "_partial/results/"
	partialImagesDir = "_partial/images/"
	journalDir       = "_framebeam/"
)

const (
	resultsExt = ".parquet"
	statesExt  = ".avro"
	imagesExt  = ".zip"
)

// layout is where the files of a chunk lie.
type layout struct{ chunkfolder.Layout }

func (l layout) results(n chunkfolder.Name) string {
	return l.Path(resultsDir, n, resultsExt)
}
func (l layout) states(n chunkfolder.Name) string {
	return l.Path(statesDir, n, statesExt)
}
func (l layout) images(n chunkfolder.Name) string {
	return l.Path(imagesDir, n, imagesExt)
}

// partial is the file of the beginning of a chunk.
func (l layout) partial(n chunkfolder.Name) string {
	return l.PartialPath(partialsDir, n, resultsExt)
}

// partialImages is the file of its pictures.
func (l layout) partialImages(n chunkfolder.Name) string {
	return l.PartialPath(partialImagesDir, n, imagesExt)
}
